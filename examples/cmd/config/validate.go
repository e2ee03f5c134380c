package config

import (
	"fmt"
	"slices"

	"github.com/goatee-sync/goatee"
)

// validate checks what the settings say together.
func (c *Config) validate() error {
	for _, check := range []func() error{
		c.checkDirectReads, c.checkStreams, c.checkResume, c.checkMappings, c.checkElasticsearch,
	} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func (c *Config) checkDirectReads() error {
	const key = "direct-read-namespaces"
	if c.DiscoverDirectReads() {
		return nil
	}
	for _, ns := range c.DirectReadNamespaces {
		if err := collectionNamespace(ns); err != nil {
			return settingError(key, "", err)
		}
	}
	if ns, twice := duplicate(c.DirectReadNamespaces); twice {
		return &goatee.ConfigError{Setting: key, Problem: fmt.Sprintf("%q is given twice", ns), Remedy: "name it once"}
	}
	if c.DirectReadDynamicIncludeRegex != "" || c.DirectReadDynamicExcludeRegex != "" {
		return &goatee.ConfigError{
			Setting: "direct-read-dynamic-include-regex, direct-read-dynamic-exclude-regex",
			Problem: "they choose among discovered collections, and none are discovered",
			Remedy:  `set direct-read-namespaces = [""], or remove them`,
		}
	}
	if c.ExitAfterDirectReads && len(c.DirectReadNamespaces) == 0 {
		return &goatee.ConfigError{
			Setting: "exit-after-direct-reads", Problem: "there are no direct reads", Remedy: "set direct-read-namespaces",
		}
	}
	return nil
}

func (c *Config) checkStreams() error {
	if c.DisableChangeEvents && len(c.DirectReadNamespaces) == 0 {
		return &goatee.ConfigError{
			Setting: "disable-change-events",
			Problem: "without change streams and without direct reads there is nothing to do",
			Remedy:  "set direct-read-namespaces, or remove disable-change-events",
		}
	}
	if ns, twice := duplicate(c.ChangeStreamNamespaces); twice {
		return &goatee.ConfigError{
			Setting: "change-stream-namespaces", Problem: fmt.Sprintf("%q is given twice", ns), Remedy: "name it once",
		}
	}
	return nil
}

func (c *Config) checkResume() error {
	if c.ResumeFromTimestamp != 0 && c.ResumeStrategy != ResumeByTimestamp {
		return &goatee.ConfigError{
			Setting: "resume-from-timestamp",
			Problem: "a stream cannot start at a time and at a token",
			Remedy:  "set resume-strategy = 0, or remove resume-from-timestamp",
		}
	}
	return nil
}

func (c *Config) checkMappings() error {
	if ns := duplicateMapping(c.Mappings); ns != "" {
		return &goatee.ConfigError{Setting: "mapping", Problem: fmt.Sprintf("%q is mapped twice", ns), Remedy: "keep one of its tables"}
	}
	return nil
}

func (c *Config) checkElasticsearch() error {
	if len(c.ElasticsearchURLs) == 0 {
		return &goatee.ConfigError{
			Setting: "elasticsearch-urls", Problem: "empty", Remedy: "name at least one node, such as http://127.0.0.1:9200",
		}
	}
	return nil
}

func duplicate(texts []string) (string, bool) {
	for i, text := range texts {
		if slices.Contains(texts[:i], text) {
			return text, true
		}
	}
	return "", false
}
