package goatee_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"

	"github.com/goatee-sync/goatee"
)

func TestPositionInWords(t *testing.T) {
	token, at := bson.Raw{5, 0, 0, 0, 0}, primitive.Timestamp{T: 7, I: 2}
	for want, p := range map[string]goatee.Position{
		"none":         {},
		"time 7.2":     {ClusterTime: at},
		"token at 7.2": {Token: token, ClusterTime: at},
		"token":        {Token: token},
		"complete":     {Token: token, ClusterTime: at, Complete: true},
	} {
		require.Equal(t, want, p.String())
	}
}
