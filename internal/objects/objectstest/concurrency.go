package objectstest

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/keywright/keywright/internal/objects"
)

const racers = 32

var concurrencyTests = map[string]func(*bench){
	"OfConditionalPutsOneWins": func(b *bench) {
		for round := range 5 {
			key := strconv.Itoa(round)
			b.oneWins(key, objects.Conditions{IfNoneMatch: true}, "new")
			b.oneWins(key, objects.Conditions{IfMatch: b.open(key).Info().ETag}, "newer")
		}
	},

	"ReadersSeeOneOrTheOther": func(b *bench) {
		for _, size := range []int{1000, 200000} {
			b.put("k", bytes.Repeat([]byte{0}, size))
			b.together(racers/2, func(n int) error {
				if n%2 == 0 {
					_, err := b.tryPut("k", bytes.Repeat([]byte{byte(n)}, size), objects.Conditions{})
					return err
				}
				data, err := b.tryRead("k")
				if err == nil && !bytes.Equal(data, bytes.Repeat(data[:1], size)) {
					err = errors.New("an object of two puts")
				}
				return err
			})
		}
	},

	"PutsAndDeletes": func(b *bench) {
		b.together(racers, func(n int) error {
			var failed error
			key := strconv.Itoa(n % 4)
			for range 5 {
				var err error
				if n%3 == 0 {
					err = remove(b.ctx, b.store, b.bucket, key, objects.Conditions{})
				} else {
					_, err = b.tryPut(key, random(1+n*10000, uint64(n)), objects.Conditions{})
				}
				failed = errors.Join(failed, err)
			}
			return failed
		})
		for _, key := range b.keys() {
			_, err := b.tryRead(key)
			b.ok(err)
		}
	},

	"CopiesAndDeletes": func(b *bench) {
		data := random(200000, 1)
		b.put("0", data)
		b.together(racers, func(n int) error {
			var failed error
			for i := range 5 {
				from, to := strconv.Itoa((n+i)%5), strconv.Itoa((n+2*i+1)%5)
				if n%3 == 0 && from != "0" {
					failed = errors.Join(failed, remove(b.ctx, b.store, b.bucket, from, objects.Conditions{}))
				} else if err := b.tryCopy(from, to); !errors.Is(err, objects.ErrNoSuchKey) {
					failed = errors.Join(failed, err)
				}
			}
			return failed
		})
		for _, key := range b.keys() {
			b.holds(key, data)
		}
	},

	"BucketIsDeletedOrPutTo": func(b *bench) {
		for range 10 {
			b.bucket = b.newBucket()
			var stored atomic.Int64
			var deleted atomic.Bool
			b.together(racers/2, func(n int) error {
				if n == 7 {
					err := b.store.DeleteBucket(b.ctx, b.bucket)
					deleted.Store(err == nil)
					return unless(err, objects.ErrBucketNotEmpty)
				}
				_, err := b.tryPut(strconv.Itoa(n), []byte("v"), objects.Conditions{})
				if err == nil {
					stored.Add(1)
				}
				return unless(err, objects.ErrNoSuchBucket)
			})
			if deleted.Load() && stored.Load() > 0 {
				b.Errorf("%d objects were put to a bucket that is gone", stored.Load())
			}
		}
	},

	"PartsAndCompletions": func(b *bench) {
		u := b.upload("k", objects.UploadRequest{})
		parts := make([]objects.Part, racers)
		b.together(racers, func(n int) (err error) {
			parts[n], err = b.store.PutPart(b.ctx, b.bucket, "k", u.id, 1, content(fmt.Appendf(nil, "part %d", n)))
			return err
		})
		kept := u.parts()
		b.same(len(kept), 1)
		var won atomic.Int64
		b.together(racers, func(n int) error {
			_, err := b.store.CompleteUpload(b.ctx, b.bucket, "k", u.id, complete(parts[n]))
			if err == nil && parts[n].ETag == kept[0].ETag {
				won.Add(1)
			}
			if parts[n].ETag == kept[0].ETag {
				return err
			}
			return unless(unless(err, objects.ErrInvalidPart), objects.ErrNoSuchUpload)
		})
		b.same(won.Load(), int64(1))
		o := b.open("k")
		b.same(md5Of(b.read(o, 0, o.Info().Size)), kept[0].ETag)
	},

	"CompletedOrAborted": func(b *bench) {
		for round := range 10 {
			key := strconv.Itoa(round)
			u := b.upload(key, objects.UploadRequest{})
			part := u.put(1, []byte("v"))
			var completed, aborted error
			b.together(2, func(n int) error {
				if n == 0 {
					_, completed = b.store.CompleteUpload(b.ctx, b.bucket, key, u.id, complete(part))
				} else {
					aborted = b.store.AbortUpload(b.ctx, b.bucket, key, u.id)
				}
				return nil
			})
			if (completed == nil) == (aborted == nil) {
				b.Errorf("completed: %v, aborted: %v", completed, aborted)
			}
			if completed == nil {
				b.holds(key, []byte("v"))
			} else {
				b.holdsNothing(key)
			}
		}
	},
}

// together runs f for 0 to n-1 at once. An error fails the test.
func (b *bench) together(n int, f func(int) error) {
	b.Helper()
	var running sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		running.Go(func() {
			<-start
			if err := f(i); err != nil {
				b.Error(err)
			}
		})
	}
	close(start)
	running.Wait()
}

// unless returns err, or nil if it is what may happen.
func unless(err, expected error) error {
	if errors.Is(err, expected) {
		return nil
	}
	return err
}

func (b *bench) tryPut(key string, data []byte, c objects.Conditions) (objects.Info, error) {
	return b.store.Put(b.ctx, b.bucket, objects.PutRequest{Key: key, Content: content(data), Conditions: c})
}

// tryRead reads an object whole and compares it with its ETag.
func (b *bench) tryRead(key string) ([]byte, error) {
	o, err := b.store.Open(b.ctx, b.bucket, key, "")
	if err != nil {
		return nil, err
	}
	defer o.Close()
	data, err := readAll(b.ctx, o, 0, o.Info().Size)
	if err == nil && md5Of(data) != o.Info().ETag {
		err = fmt.Errorf("%q holds other bytes than its ETag says", key)
	}
	return data, err
}

func (b *bench) tryCopy(from, to string) error {
	o, err := b.store.Open(b.ctx, b.bucket, from, "")
	if err != nil {
		return err
	}
	defer o.Close()
	_, err = b.store.Copy(b.ctx, o, b.bucket, objects.CopyRequest{Key: to})
	return err
}

// oneWins checks that of many puts under a condition exactly one is stored.
func (b *bench) oneWins(key string, c objects.Conditions, word string) {
	b.Helper()
	var winner atomic.Pointer[[]byte]
	var winners atomic.Int64
	b.together(racers, func(n int) error {
		data := fmt.Appendf(nil, "%s %d", word, n)
		_, err := b.tryPut(key, data, c)
		if err == nil {
			winners.Add(1)
			winner.Store(&data)
		}
		return unless(err, objects.ErrPreconditionFailed)
	})
	b.same(winners.Load(), int64(1))
	b.holds(key, *winner.Load())
}
