package goatee

import (
	"fmt"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"
)

// Position is a point in one source's order: everything before it has been applied.
type Position struct {
	// Token is the resume token, in the source's own format; for a change stream the one MongoDB gave.
	Token bson.Raw
	// ClusterTime is the cluster time of the position; where there is no token, the stream starts at it, inclusively.
	// A direct read's position holds the oldest cluster time its later changes may carry.
	ClusterTime primitive.Timestamp
	// Complete says that a direct read has reached its end.
	Complete bool
}

// IsZero reports whether p is no position: nothing has been stored yet.
func (p Position) IsZero() bool { return len(p.Token) == 0 && p.ClusterTime.IsZero() && !p.Complete }

// String returns the position for logs: its cluster time, as far as it is known, and whether it
// has a token.
func (p Position) String() string {
	switch {
	case p.Complete:
		return "complete"
	case p.IsZero():
		return "none"
	case p.ClusterTime.IsZero(): // as Monstache stores it
		return "token"
	case len(p.Token) == 0:
		return fmt.Sprintf("time %d.%d", p.ClusterTime.T, p.ClusterTime.I)
	default:
		return fmt.Sprintf("token at %d.%d", p.ClusterTime.T, p.ClusterTime.I)
	}
}

// SourcePosition is the position of a source.
type SourcePosition struct {
	SourceID
	Position Position
}

// Fence is a fencing token: a number that grows with every leadership. 0 means that there is no election.
type Fence uint64
