package resume

import (
	"bytes"
	"encoding/json"
	"fmt"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"

	"github.com/goatee-sync/goatee"
)

const fileVersion = 1

type fileContent struct {
	Version   int                  `json:"version"`
	Fence     goatee.Fence         `json:"fence,omitempty"`
	Positions map[string]fileEntry `json:"positions"`
}

// fileEntry is a position as JSON. TokenBytes holds the few tokens that extended JSON cannot give back byte by byte,
// such as those with strings that are not UTF-8.
type fileEntry struct {
	Token       json.RawMessage `json:"token,omitempty"`
	TokenBytes  []byte          `json:"tokenBytes,omitempty"`
	ClusterTime *clusterTime    `json:"clusterTime,omitempty"`
	Complete    bool            `json:"complete,omitempty"`
}

type clusterTime struct {
	T uint32 `json:"t"`
	I uint32 `json:"i"`
}

func newFileEntry(p goatee.Position) (fileEntry, error) {
	e := fileEntry{Complete: p.Complete}
	if !p.ClusterTime.IsZero() {
		e.ClusterTime = &clusterTime{T: p.ClusterTime.T, I: p.ClusterTime.I}
	}
	if len(p.Token) == 0 {
		return e, nil
	}
	if err := p.Token.Validate(); err != nil {
		return e, fmt.Errorf("token: %w", err)
	}
	text, err := bson.MarshalExtJSON(p.Token, true, false)
	if err == nil {
		if back, err := tokenFromJSON(text); err == nil && bytes.Equal(back, p.Token) {
			e.Token = text
			return e, nil
		}
	}
	e.TokenBytes = p.Token
	return e, nil
}

func (e fileEntry) position() (goatee.Position, error) {
	p := goatee.Position{Complete: e.Complete}
	if e.ClusterTime != nil {
		p.ClusterTime = primitive.Timestamp{T: e.ClusterTime.T, I: e.ClusterTime.I}
	}
	switch {
	case len(e.TokenBytes) > 0:
		p.Token = e.TokenBytes
		if err := p.Token.Validate(); err != nil {
			return p, fmt.Errorf("token: %w", err)
		}
	case len(e.Token) > 0:
		token, err := tokenFromJSON(e.Token)
		if err != nil {
			return p, fmt.Errorf("token: %w", err)
		}
		p.Token = token
	}
	return p, nil
}

func tokenFromJSON(text []byte) (bson.Raw, error) {
	var token bson.Raw
	err := bson.UnmarshalExtJSON(text, true, &token)
	return token, err
}
