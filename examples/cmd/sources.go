package main

import (
	"context"
	"log/slog"
	"regexp"
	"slices"

	"go.mongodb.org/mongo-driver/mongo"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/examples/cmd/config"
	"github.com/goatee-sync/goatee/source"
	"github.com/goatee-sync/goatee/transform/relate"
)

// sources makes the change streams and direct reads of the settings.
type sources struct {
	config *config.Config
	client *mongo.Client
	logger *slog.Logger
}

func (s *sources) all(ctx context.Context) ([]goatee.Source, error) {
	streams, err := s.changeStreams()
	if err != nil {
		return nil, err
	}
	reads, err := s.directReads(ctx)
	if err != nil {
		return nil, err
	}
	if len(reads) == 0 && s.config.DiscoverDirectReads() && (len(streams) == 0 || s.config.ExitAfterDirectReads) {
		return nil, &goatee.ConfigError{
			Setting: "direct-read-namespaces", Problem: "there is no collection to read, and nothing else to do",
			Remedy: "check the database and the patterns for direct reads",
		}
	}
	return withFiles(s.config.Files, s.client, append(streams, reads...))
}

// ownDatabases are never synchronized: MongoDB's own, and the one that positions are written to.
func (s *sources) ownDatabases() []string {
	return []string{"admin", "config", "local", s.config.ConfigDatabaseName}
}

func (s *sources) changeStreams() ([]goatee.Source, error) {
	if s.config.DisableChangeEvents {
		return nil, nil
	}
	opts := []source.Option{source.WithExcludeDatabases(s.ownDatabases()...)}
	for _, filter := range []struct {
		text string
		with func(*regexp.Regexp) source.Option
	}{
		{s.config.NamespaceRegex, source.WithInclude},
		{s.config.NamespaceExcludeRegex, source.WithExclude},
		{s.config.NamespaceDropRegex, source.WithDropInclude},
		{s.config.NamespaceDropExcludeRegex, source.WithDropExclude},
	} {
		if re := expression(filter.text); re != nil {
			opts = append(opts, filter.with(re))
		}
	}
	var all []goatee.Source
	for _, target := range s.config.ChangeStreamNamespaces {
		stream, err := source.NewChangeStream(s.client, target, opts...)
		if err != nil {
			return nil, err
		}
		all = append(all, stream)
	}
	return s.related(all)
}

// related lets changes bring the documents that [[relate]] tables speak of.
func (s *sources) related(streams []goatee.Source) ([]goatee.Source, error) {
	if len(s.config.Relates) == 0 {
		return streams, nil
	}
	finder, err := source.NewFinder(s.client)
	if err != nil {
		return nil, err
	}
	for i := range streams {
		related, err := relate.NewSource(streams[i], finder, s.config.Relates...)
		if err != nil {
			return nil, err
		}
		streams[i] = related
	}
	return streams, nil
}

func (s *sources) directReads(ctx context.Context) ([]goatee.Source, error) {
	namespaces := s.config.DirectReadNamespaces
	if s.config.DiscoverDirectReads() {
		found, err := s.discover(ctx)
		if err != nil {
			return nil, err
		}
		namespaces = found
	}
	opts := []source.Option{source.WithStateful(s.config.DirectReadStateful)}
	switch n := s.config.DirectReadSplitMax; {
	case n < 0:
		opts = append(opts, source.WithParallel(1))
	case n > 0:
		opts = append(opts, source.WithParallel(n))
	}
	if n := s.config.DirectReadConcur; n > 0 {
		turns, err := source.NewTurns(n)
		if err != nil {
			return nil, err
		}
		opts = append(opts, source.WithTurns(turns))
	}
	var all []goatee.Source
	for _, ns := range namespaces {
		read, err := source.NewDirectRead(s.client, ns, opts...)
		if err != nil {
			return nil, err
		}
		all = append(all, read)
	}
	return all, nil
}

// expression compiles a pattern that was checked when the settings were loaded; nil for an empty one.
func expression(text string) *regexp.Regexp {
	if text == "" {
		return nil
	}
	return regexp.MustCompile(text)
}

// discover returns the collections there are now. Those that appear later come from change streams.
func (s *sources) discover(ctx context.Context) ([]string, error) {
	found, err := source.DiscoverNamespaces(ctx, s.client, expression(s.config.DirectReadDynamicIncludeRegex),
		expression(s.config.DirectReadDynamicExcludeRegex), s.config.ConfigDatabaseName)
	if err != nil {
		return nil, err
	}
	include, exclude := expression(s.config.NamespaceRegex), expression(s.config.NamespaceExcludeRegex)
	found = slices.DeleteFunc(found, func(ns string) bool {
		return include != nil && !include.MatchString(ns) || exclude != nil && exclude.MatchString(ns)
	})
	s.logger.Info("direct reads found", "namespaces", found)
	return found, nil
}
