package lifecycle

import (
	"context"
	"encoding/xml"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/keywright/keywright/internal/directory"
	"github.com/keywright/keywright/internal/objects"
)

// Store is what the worker needs of an object store; see objects.Store.
type Store interface {
	objects.Lister
	Open(ctx context.Context, b objects.Bucket, key, versionID string) (objects.Object, error)
	Delete(ctx context.Context, b objects.Bucket, r objects.DeleteRequest) (objects.Deleted, error)
	ListUploads(ctx context.Context, b objects.Bucket, r objects.ListUploadsRequest) (objects.UploadsPage, error)
	AbortUpload(ctx context.Context, b objects.Bucket, key, uploadID string) error
}

// Worker carries out the rules of all buckets, once a day. It may be stopped at
// any time: each removal is whole, and the next round finds what is left.
type Worker struct {
	Buckets func() []*directory.Bucket
	// Bucket returns a bucket as it is now.
	Bucket func(name string) (*directory.Bucket, bool)
	Store  Store
	// Versioning says whether a bucket keeps versions.
	Versioning func(*directory.Bucket) objects.Versioning
	Log        *slog.Logger
	Day        time.Duration // how long a day is; 0 is Day
	Now        func() time.Time
}

// Done counts what a round removed.
type Done struct{ Expired, Versions, Markers, Uploads int }

// Run carries out the rules until ctx ends: at once, and then at every midnight.
func (w *Worker) Run(ctx context.Context) {
	for {
		w.Round(ctx)
		now := w.Now()
		next := now.Truncate(w.day()).Add(w.day())
		select {
		case <-ctx.Done():
			return
		case <-time.After(next.Sub(now)):
		}
	}
}

func (w *Worker) day() time.Duration {
	if w.Day == 0 {
		return Day
	}
	return w.Day
}

// Round carries out the rules of every bucket once. What fails is logged, and
// left for the next round.
func (w *Worker) Round(ctx context.Context) (all Done) {
	for _, b := range w.Buckets() {
		document, ok := b.Configurations[Name]
		if !ok || ctx.Err() != nil {
			continue
		}
		r := round{Worker: w, ctx: ctx, bucket: objects.Bucket{ID: b.ID, Name: b.Name}, document: document, now: w.Now()}
		err := xml.Unmarshal([]byte(document), &r.rules)
		if err == nil {
			err = errors.Join(r.objects(), r.uploads())
		}
		if r.done != (Done{}) {
			w.Log.Info("lifecycle", "bucket", b.Name, "expired", r.done.Expired, "versions", r.done.Versions, "markers", r.done.Markers, "uploads", r.done.Uploads)
		}
		if err != nil && ctx.Err() == nil {
			w.Log.Error("lifecycle", "bucket", b.Name, "cause", err)
		}
		all.Expired += r.done.Expired
		all.Versions += r.done.Versions
		all.Markers += r.done.Markers
		all.Uploads += r.done.Uploads
	}
	return all
}

// round is one bucket's.
type round struct {
	*Worker
	ctx        context.Context
	bucket     objects.Bucket
	document   string // rules as they are kept
	rules      Configuration
	versioning objects.Versioning
	now        time.Time
	done       Done
	counting   sync.Mutex

	// Of the key that is being passed: its version before, how many of its
	// versions before are not current, and its delete marker when that is all
	// it was seen to have.
	before *objects.Info
	newer  int
	marker *objects.Info
}

const (
	pageSize = 1000
	// workers is how many removals are under way at a time, so that the store
	// can make them durable together.
	workers = 16
)

// goesOn reports whether the rules are still the bucket's, and looks up whether
// it keeps versions now: a round may be long, and a bucket's owner stops it by
// changing the rules. The next round carries out others.
func (r *round) goesOn() bool {
	b, ok := r.Bucket(r.bucket.Name)
	if !ok || b.ID != r.bucket.ID || b.Configurations[Name] != r.document {
		return false
	}
	r.versioning = r.Versioning(b)
	return true
}

// objects removes the versions and delete markers that rules end.
func (r *round) objects() error {
	in := objects.ListVersionsRequest{Max: pageSize}
	for {
		page, err := r.Store.ListVersions(r.ctx, r.bucket, in)
		if err != nil {
			return err
		}
		if !r.goesOn() {
			return nil
		}
		var removals []removal
		for i := range page.Versions {
			removals = r.pass(&page.Versions[i], removals)
		}
		if !page.Truncated {
			removals = r.leave(removals)
		}
		if err := r.remove(removals); err != nil || !page.Truncated {
			return err
		}
		in.KeyAfter, in.VersionAfter = page.NextKey, page.NextVersion
	}
}

// removal is something to remove, and where to count it.
type removal struct {
	request objects.DeleteRequest
	counter *int
}

// pass decides on one version, in the order of a listing.
func (r *round) pass(o *objects.Info, removals []removal) []removal {
	if r.before == nil || r.before.Key != o.Key {
		removals = r.leave(removals)
	}
	switch {
	case o.IsLatest && o.DeleteMarker:
		r.marker, r.newer = o, 0
	case o.IsLatest:
		r.marker, r.newer = nil, 0
		if r.any(o, func(rule *Rule) bool { at, ok := rule.expires(o, r.day()); return ok && !r.now.Before(at) }) {
			removals = append(removals, removal{objects.DeleteRequest{
				Key: o.Key, Versioning: r.versioning, Conditions: objects.Conditions{Modified: o.Modified},
			}, &r.done.Expired})
		}
	default:
		r.marker = nil
		since, newer := r.before.Modified, r.newer
		r.newer++
		if r.any(o, func(rule *Rule) bool { return rule.endsNoncurrent(o, since, newer, r.day(), r.now) }) {
			request := version(o)
			request.Noncurrent = true // nothing newer was deleted to have it back
			removals = append(removals, removal{request, &r.done.Versions})
		}
	}
	r.before = o
	return removals
}

// version returns what removes a version for ever: the one that was seen, not
// one that has become the null version meanwhile.
func version(o *objects.Info) objects.DeleteRequest {
	return objects.DeleteRequest{Key: o.Key, VersionID: o.VersionID, Conditions: objects.Conditions{Modified: o.Modified}}
}

// leave decides on the delete marker of the key that was passed, if nothing is
// left under it.
func (r *round) leave(removals []removal) []removal {
	if m := r.marker; m != nil && r.any(m, func(rule *Rule) bool { return rule.endsMarker(m, r.day(), r.now) }) {
		removals = append(removals, removal{version(m), &r.done.Markers})
	}
	r.marker, r.newer, r.before = nil, 0, nil
	return removals
}

// any reports whether one of the rules applies to a version that has its tags.
// The tags are looked up only where they count.
func (r *round) any(o *objects.Info, applies func(*Rule) bool) bool {
	var tags map[string]string
	known := false
	for i := range r.rules.Rules {
		rule := &r.rules.Rules[i]
		if !applies(rule) {
			continue
		}
		if len(rule.tags()) == 0 {
			return true
		}
		if !known {
			opened, err := r.Store.Open(r.ctx, r.bucket, o.Key, o.VersionID)
			if err != nil {
				return false // it is gone
			}
			tags, known = opened.Info().Attributes.Tags, true
			opened.Close()
		}
		if rule.hasTags(tags) {
			return true
		}
	}
	return false
}

// remove does what was decided. What is locked, gone or new meanwhile stays.
func (r *round) remove(removals []removal) error {
	return r.each(len(removals), func(i int) error {
		_, err := r.Store.Delete(r.ctx, r.bucket, removals[i].request)
		switch {
		case errors.Is(err, objects.ErrLocked), errors.Is(err, objects.ErrPreconditionFailed),
			errors.Is(err, objects.ErrNoSuchKey), errors.Is(err, objects.ErrNoSuchVersion):
			return nil
		case err == nil:
			r.count(removals[i].counter)
		}
		return err
	})
}

func (r *round) count(counter *int) {
	r.counting.Lock()
	defer r.counting.Unlock()
	*counter++
}

// each calls do with every number below n, several at a time, and returns the
// errors.
func (r *round) each(n int, do func(int) error) error {
	errs := make([]error, n)
	next := make(chan int)
	var working sync.WaitGroup
	for range min(workers, n) {
		working.Go(func() {
			for i := range next {
				errs[i] = do(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	working.Wait()
	return errors.Join(errs...)
}

// uploads aborts the uploads that rules end.
func (r *round) uploads() error {
	in := objects.ListUploadsRequest{Max: pageSize}
	for {
		page, err := r.Store.ListUploads(r.ctx, r.bucket, in)
		if err != nil {
			return err
		}
		if !r.goesOn() {
			return nil
		}
		err = r.each(len(page.Uploads), func(i int) error { return r.upload(&page.Uploads[i]) })
		if err != nil || !page.Truncated {
			return err
		}
		in.KeyAfter, in.UploadAfter = page.NextKey, page.NextUploadID
	}
}

func (r *round) upload(u *objects.Upload) error {
	for i := range r.rules.Rules {
		if !r.rules.Rules[i].endsUpload(u, r.day(), r.now) {
			continue
		}
		err := r.Store.AbortUpload(r.ctx, r.bucket, u.Key, u.ID)
		if errors.Is(err, objects.ErrNoSuchUpload) {
			return nil
		}
		if err == nil {
			r.count(&r.done.Uploads)
		}
		return err
	}
	return nil
}
