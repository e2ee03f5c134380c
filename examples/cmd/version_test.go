package main

import (
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheVersionSaysWhatTheProgramWasBuiltFrom(t *testing.T) {
	info := &debug.BuildInfo{GoVersion: "go1.25.0", Main: debug.Module{Version: "v0.3.0"}}
	require.Equal(t, "v0.3.0, go1.25.0", describe(info))
	info.Settings = []debug.BuildSetting{
		{Key: "vcs.revision", Value: "abc123"}, {Key: "vcs.time", Value: "2026-01-02T03:04:05Z"}, {Key: "vcs.modified", Value: "true"},
	}
	info.Main.Version = ""
	require.Equal(t, "(devel), commit abc123, modified, date 2026-01-02T03:04:05Z, go1.25.0", describe(info))
}
