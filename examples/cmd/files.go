package main

import (
	"context"

	"go.mongodb.org/mongo-driver/mongo"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/examples/cmd/config"
	"github.com/goatee-sync/goatee/gridfs"
	"github.com/goatee-sync/goatee/sink"
	"github.com/goatee-sync/goatee/transform"
)

// mostFileSize is the largest limit that gridfs takes.
const mostFileSize = 1 << 30

// withFiles has sources bring the content of files.
func withFiles(f config.Files, client *mongo.Client, all []goatee.Source) ([]goatee.Source, error) {
	if !f.Index {
		return all, nil
	}
	var namespaces []goatee.Namespace
	for _, text := range f.Namespaces {
		ns, err := goatee.ParseNamespace(text)
		if err != nil {
			return nil, err
		}
		namespaces = append(namespaces, ns)
	}
	opts := []gridfs.Option{gridfs.WithNamespaces(namespaces...)}
	if f.MaxSize > 0 {
		opts = append(opts, gridfs.WithMaxFileSize(min(f.MaxSize, mostFileSize)))
	}
	if f.Downloaders > 0 {
		opts = append(opts, gridfs.WithDownloads(f.Downloaders))
	}
	for i := range all {
		files, err := gridfs.NewSource(all[i], client, opts...)
		if err != nil {
			return nil, err
		}
		all[i] = files
	}
	return all, nil
}

// filePipelines sends files through the attachment processor. They come before pipelines of [[mapping]] tables, which
// leave an action alone that has one.
func filePipelines(f config.Files) (all []goatee.Transformer) {
	if !f.Index {
		return nil
	}
	for _, ns := range f.Namespaces {
		all = append(all, transform.For(ns, transform.Pipeline(gridfs.PipelineName)))
	}
	return all
}

// putFilePipeline creates the pipeline that files are sent through.
func putFilePipeline(ctx context.Context, c *config.Config) error {
	if !c.Files.Index || c.Files.DisablePipelinePut {
		return nil
	}
	client, err := newElasticsearch(c)
	if err != nil {
		return err
	}
	return sink.PutIngestPipeline(ctx, client, gridfs.PipelineName, gridfs.PipelineBody)
}
