package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// validate checks what the settings say together.
func (s *settings) validate() {
	s.checkDirectReads()
	s.checkStreams()
	s.checkPatterns()
	s.checkState()
	s.checkResume()
	s.checkMappings()
	s.checkFiles()
	if !s.failed["elasticsearch-urls"] {
		s.config.ElasticsearchURLs = withSchemes(s.config.ElasticsearchURLs)
	}
}

// anyFailed reports whether one of the settings is wrong by itself, so that what it says with others is not known.
func (s *settings) anyFailed(names ...string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return s.failed[name] })
}

func (s *settings) checkDirectReads() {
	const key = "direct-read-namespaces"
	c := s.config
	if s.failed[key] || c.DiscoverDirectReads() {
		return
	}
	for _, ns := range c.DirectReadNamespaces {
		if err := collectionNamespace(ns); err != nil {
			s.fail(key, s.origin(key), err)
			return
		}
	}
	for _, p := range [][2]string{
		{"direct-read-dynamic-include-regex", c.DirectReadDynamicIncludeRegex},
		{"direct-read-dynamic-exclude-regex", c.DirectReadDynamicExcludeRegex},
	} {
		if name := p[0]; p[1] != "" {
			s.warn(`%s%s has no effect: it chooses among the collections that direct-read-namespaces = [""] finds`, name, s.origin(name))
		}
	}
	if c.ExitAfterDirectReads && len(c.DirectReadNamespaces) == 0 {
		s.warn("exit-after-direct-reads%s has no effect: there are no direct reads, see direct-read-namespaces",
			s.origin("exit-after-direct-reads"))
	}
}

func (s *settings) checkStreams() {
	const key = "disable-change-events"
	if s.anyFailed(key, "direct-read-namespaces") {
		return
	}
	if s.config.DisableChangeEvents && len(s.config.DirectReadNamespaces) == 0 {
		s.fail(key, s.origin(key), &remedyError{
			"without change streams and without direct reads there is nothing to do",
			"set direct-read-namespaces, or remove disable-change-events",
		})
	}
}

// checkPatterns finds patterns that match nothing, and change streams whose changes are all left out.
func (s *settings) checkPatterns() {
	c := s.config
	for _, p := range []struct {
		name, text string
		include    bool
	}{
		{"namespace-regex", c.NamespaceRegex, true},
		{"namespace-exclude-regex", c.NamespaceExcludeRegex, false},
		{"namespace-drop-regex", c.NamespaceDropRegex, true},
		{"namespace-drop-exclude-regex", c.NamespaceDropExcludeRegex, false},
		{"direct-read-dynamic-include-regex", c.DirectReadDynamicIncludeRegex, true},
		{"direct-read-dynamic-exclude-regex", c.DirectReadDynamicExcludeRegex, false},
	} {
		switch {
		case p.text == "" || s.failed[p.name] || canMatch(p.text):
		case p.include:
			s.fail(p.name, s.origin(p.name), &remedyError{
				"no namespace can match it", "a namespace is database.collection; ^ is its beginning, $ its end",
			})
		default:
			s.warn("%s%s has no effect: no namespace can match it", p.name, s.origin(p.name))
		}
	}
	s.checkFollowed()
}

func (s *settings) checkFollowed() {
	c := s.config
	if c.DisableChangeEvents || s.anyFailed("change-stream-namespaces", "namespace-regex", "namespace-exclude-regex") {
		return
	}
	for _, ns := range c.ChangeStreamNamespaces {
		if !strings.Contains(ns, ".") {
			continue
		}
		if c.NamespaceRegex != "" && !regexp.MustCompile(c.NamespaceRegex).MatchString(ns) {
			s.warn("changes of %q are left out by namespace-regex%s", ns, s.origin("namespace-regex"))
		}
		if c.NamespaceExcludeRegex != "" && regexp.MustCompile(c.NamespaceExcludeRegex).MatchString(ns) {
			s.warn("changes of %q are left out by namespace-exclude-regex%s", ns, s.origin("namespace-exclude-regex"))
		}
	}
}

// checkState rejects databases that goatee and MongoDB write for themselves.
func (s *settings) checkState() {
	s.checkNotState("change-stream-namespaces", s.config.ChangeStreamNamespaces)
	s.checkNotState("direct-read-namespaces", s.config.DirectReadNamespaces)
}

func (s *settings) checkNotState(name string, namespaces []string) {
	if s.anyFailed(name, "config-database-name") {
		return
	}
	for _, ns := range namespaces {
		database, _, _ := strings.Cut(ns, ".")
		if database != s.config.ConfigDatabaseName && !slices.Contains([]string{"admin", "config", "local"}, database) {
			continue
		}
		s.fail(name, s.origin(name), &remedyError{
			fmt.Sprintf("%q is never synchronized: MongoDB and goatee keep their own state in this database", ns),
			"remove it; config-database-name gives goatee's state another database",
		})
	}
}

func (s *settings) checkResume() {
	const key = "resume-from-timestamp"
	if s.anyFailed(key, "resume-strategy") || s.config.ResumeFromTimestamp == 0 || s.config.ResumeStrategy == ResumeByTimestamp {
		return
	}
	s.fail(key, s.origin(key), &remedyError{
		"a stream cannot start at a time and at a token", "set resume-strategy = 0, or remove resume-from-timestamp",
	})
}

func (s *settings) checkMappings() {
	if s.failed["mapping"] {
		return
	}
	last, replaced := lastMappings(s.config.Mappings)
	for _, ns := range replaced {
		s.warn("mapping%s: there are several tables for %q, the last counts", s.origin("mapping"), ns)
	}
	s.config.Mappings = last
}
