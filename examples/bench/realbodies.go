package main

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/mongo"

	"github.com/goatee-sync/goatee/examples/cmd/config"
)

// postBodies builds the bulk bodies of a collection first and then posts them, as many at once as goatee does. Only the
// posting is measured.
func postBodies(ctx context.Context, j *job, client *mongo.Client, clock *clock) error {
	var mu sync.Mutex
	var all [][]byte
	err := readInto(ctx, j, client, func(body []byte) error {
		mu.Lock()
		defer mu.Unlock()
		all = append(all, bytes.Clone(body))
		return nil
	}, (*bodies).transcode)
	if err != nil {
		return err
	}
	clock.restart()
	post := poster(ctx, j.ElasticURL)
	queue := make(chan []byte, len(all))
	for _, body := range all {
		queue <- body
	}
	close(queue)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var senders sync.WaitGroup
	for range config.Default().ElasticsearchMaxConns {
		senders.Go(func() {
			for body := range queue {
				err := post(body)
				for errors.Is(err, errBusy) && ctx.Err() == nil {
					time.Sleep(100 * time.Millisecond)
					err = post(body)
				}
				if err != nil {
					cancel(err)
					return
				}
			}
		})
	}
	senders.Wait()
	return context.Cause(ctx)
}
