package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/sink"
)

// Whatever setting the library names by a constant, the daemon has a key for it.
func TestEverySettingHasAKey(t *testing.T) {
	constant := regexp.MustCompile(`(?m)\bSetting[A-Z]\w*\s+= "([^"]+)"`)
	found := 0
	for _, dir := range []string{"sink", "source", "gridfs", "resume", "cluster"} {
		files, err := filepath.Glob("../../" + dir + "/*.go")
		require.NoError(t, err)
		for _, file := range files {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			for _, match := range constant.FindAllStringSubmatch(string(text), -1) {
				found++
				i := slices.Index(keys, match[1])
				require.True(t, i >= 0 && i%2 == 0, "%s: no key for %q", file, match[1])
			}
		}
	}
	require.Greater(t, found, 10)
}

func TestErrorsNameTheDaemonsKeys(t *testing.T) {
	err := &goatee.ConfigError{Setting: sink.SettingAddress, Problem: "no node answers"}
	require.Equal(t, "elasticsearch-urls: no node answers", translate(err.Error()))
	var out bytes.Buffer
	newLogger(&out, false).Error("stopped", "error", errors.Join(err))
	require.Contains(t, out.String(), `error="elasticsearch-urls: no node answers"`)
	require.False(t, strings.Contains(out.String(), "sink."))
}
