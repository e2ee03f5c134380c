package main

import (
	"runtime"
	"runtime/debug"
	"strings"
)

// version is that of the module the program was built from, with the commit and its date where they are known.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "(devel), " + runtime.Version()
	}
	return describe(info)
}

func describe(info *debug.BuildInfo) string {
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	parts := []string{info.Main.Version}
	if info.Main.Version == "" {
		parts[0] = "(devel)"
	}
	if commit := settings["vcs.revision"]; commit != "" {
		commit = "commit " + commit
		if settings["vcs.modified"] == "true" {
			commit += ", modified"
		}
		parts = append(parts, commit)
	}
	if date := settings["vcs.time"]; date != "" {
		parts = append(parts, "date "+date)
	}
	return strings.Join(append(parts, info.GoVersion), ", ")
}
