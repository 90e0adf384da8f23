package server

import (
	"context"
	"time"

	"github.com/keywright/keywright/internal/lifecycle"
	"github.com/keywright/keywright/internal/s3"
)

// startLifecycle begins to carry out the rules of the buckets, and returns what
// ends it: after that nothing of it uses the stores.
func (s *Server) startLifecycle() (stop func()) {
	w := &lifecycle.Worker{
		Buckets: s.directory.AllBuckets, Bucket: s.directory.Bucket, Store: s.objects, Versioning: s3.VersioningOf,
		Log: s.config.Log, Day: s.config.LifecycleDay, Now: s.config.now,
	}
	if w.Now == nil {
		w.Now = time.Now
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.Run(ctx)
	}()
	return func() {
		cancel()
		<-done
	}
}
