package config

import (
	"fmt"
	"regexp"
	"strings"
)

// lines tells people in which line of a TOML file a key is, which the decoder does not.
type lines struct {
	file string
	at   map[string]int // by path in lower case, such as resume, logs.info, mapping[0].index
}

var (
	tableLine = regexp.MustCompile(`^\s*\[\s*["']?([\w-]+)["']?\s*\]`)
	arrayLine = regexp.MustCompile(`^\s*\[\[\s*["']?([\w-]+)["']?\s*\]\]`)
	keyLine   = regexp.MustCompile(`^\s*(?:"([^"]+)"|'([^']+)'|([\w-]+))\s*[=.]`)
)

func newLines(file, content string) lines {
	l := lines{file: file, at: map[string]int{}}
	arrays := map[string]int{}
	table, open := "", ""
	for i, line := range strings.Split(content, "\n") {
		if open == "" {
			if m := arrayLine.FindStringSubmatch(line); m != nil {
				name := strings.ToLower(m[1])
				l.note(name, i)
				name = fmt.Sprintf("%s[%d]", name, arrays[name])
				arrays[strings.ToLower(m[1])]++
				l.note(name, i)
				table = name + "."
			} else if m := tableLine.FindStringSubmatch(line); m != nil {
				table = strings.ToLower(m[1]) + "."
				l.note(strings.ToLower(m[1]), i)
			} else if m := keyLine.FindStringSubmatch(line); m != nil {
				l.note(table+strings.ToLower(m[1]+m[2]+m[3]), i)
			}
		}
		open = multiline(line, open)
	}
	return l
}

func (l lines) note(path string, i int) {
	if _, known := l.at[path]; !known {
		l.at[path] = i + 1
	}
}

// multiline returns the quotes of the text of several lines that is open after a line, or "".
func multiline(line, open string) string {
	for {
		if open != "" {
			_, rest, ends := strings.Cut(line, open)
			if !ends {
				return open
			}
			line, open = rest, ""
			continue
		}
		double, single := strings.Index(line, `"""`), strings.Index(line, `'''`)
		switch {
		case double < 0 && single < 0:
			return ""
		case single < 0 || double >= 0 && double < single:
			line, open = line[double+3:], `"""`
		default:
			line, open = line[single+3:], `'''`
		}
	}
}

// of says where the first of the paths is that is known.
func (l lines) of(paths ...string) string {
	for _, path := range paths {
		if n, ok := l.at[strings.ToLower(path)]; ok {
			return fmt.Sprintf(" in %s, line %d", l.file, n)
		}
	}
	return " in " + l.file
}
