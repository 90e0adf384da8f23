package objectstest

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"sync"

	"github.com/keywright/keywright/internal/objects"
)

const racers = 32

var concurrencyTests = map[string]func(*bench){
	"OfConditionalPutsOneWins": func(b *bench) {
		for round := range 5 {
			key := strconv.Itoa(round)
			b.oneWins(key, objects.Conditions{IfNoneMatch: true}, "new")
			won := b.open(key).Info()
			b.oneWins(key, objects.Conditions{IfMatch: won.ETag}, "newer")
		}
	},

	"ReadersSeeOneOrTheOther": func(b *bench) {
		for _, size := range []int{1000, 200000} {
			b.put("k", bytes.Repeat([]byte{0}, size))
			all(racers/2, func(n int) {
				for range 3 {
					if n%2 == 0 {
						b.put("k", bytes.Repeat([]byte{byte(n)}, size))
						continue
					}
					o := b.open("k")
					data := b.read(o, 0, int64(size))
					if !bytes.Equal(data, bytes.Repeat(data[:1], size)) || md5Of(data) != o.Info().ETag {
						b.Error("an object of two puts")
					}
					o.Close()
				}
			})
		}
	},

	"PutsAndDeletes": func(b *bench) {
		all(racers, func(n int) {
			key := strconv.Itoa(n % 4)
			for range 5 {
				if n%3 == 0 {
					if err := b.store.Delete(b.ctx, b.bucket, key, objects.Conditions{}); err != nil {
						b.Error(err)
					}
				} else {
					b.put(key, random(1+n*10000, uint64(n)))
				}
			}
		})
		for _, key := range b.keys() {
			o := b.open(key)
			b.same(md5Of(b.read(o, 0, o.Info().Size)), o.Info().ETag)
		}
	},

	"CopiesAndDeletes": func(b *bench) {
		data := random(200000, 1)
		b.put("0", data)
		all(racers, func(n int) {
			for i := range 5 {
				from, to := strconv.Itoa((n+i)%5), strconv.Itoa((n+2*i+1)%5)
				if n%3 == 0 && from != "0" {
					if err := b.store.Delete(b.ctx, b.bucket, from, objects.Conditions{}); err != nil {
						b.Error(err)
					}
					continue
				}
				o, err := b.store.Open(b.ctx, b.bucket, from)
				if errors.Is(err, objects.ErrNoSuchKey) {
					continue
				}
				if err == nil {
					_, err = b.store.Copy(b.ctx, o, b.bucket, objects.CopyRequest{Key: to})
					o.Close()
				}
				if err != nil {
					b.Error(err)
				}
			}
		})
		for _, key := range b.keys() {
			b.holds(key, data)
		}
	},

	"BucketIsDeletedOrPutTo": func(b *bench) {
		for range 10 {
			bucket := b.newBucket()
			var stored, deleted sync.Map
			all(racers/2, func(n int) {
				key := strconv.Itoa(n)
				if n == 7 {
					if err := b.store.DeleteBucket(b.ctx, bucket); err == nil {
						deleted.Store(n, true)
					} else if !errors.Is(err, objects.ErrBucketNotEmpty) {
						b.Error(err)
					}
					return
				}
				_, err := b.store.Put(b.ctx, bucket, objects.PutRequest{Key: key, Content: text(key)})
				if err == nil {
					stored.Store(key, true)
				} else if !errors.Is(err, objects.ErrNoSuchBucket) {
					b.Error(err)
				}
			})
			_, gone := deleted.Load(7)
			stored.Range(func(key, _ any) bool {
				if gone {
					b.Errorf("%s was put to a bucket that is gone", key)
				}
				return true
			})
		}
	},

	"PartsAndCompletions": func(b *bench) {
		u := b.upload("k", objects.UploadRequest{})
		parts := make([]objects.Part, racers)
		all(racers, func(n int) { parts[n] = u.put(1, fmt.Appendf(nil, "part %d", n)) })
		kept := u.parts()
		b.same(len(kept), 1)
		var won sync.Map
		all(racers, func(n int) {
			_, err := b.store.CompleteUpload(b.ctx, b.bucket, "k", u.id, complete(parts[n]))
			if err == nil {
				won.Store(n, true)
			} else if !errors.Is(err, objects.ErrInvalidPart) && !errors.Is(err, objects.ErrNoSuchUpload) {
				b.Error(err)
			}
		})
		o := b.open("k")
		won.Range(func(n, _ any) bool {
			b.same(parts[n.(int)].ETag, kept[0].ETag)
			return true
		})
		b.same(md5Of(b.read(o, 0, o.Info().Size)), kept[0].ETag)
	},

	"CompletedOrAborted": func(b *bench) {
		for round := range 10 {
			key := strconv.Itoa(round)
			u := b.upload(key, objects.UploadRequest{})
			part := u.put(1, []byte("v"))
			var completed, aborted error
			all(2, func(n int) {
				if n == 0 {
					_, completed = b.store.CompleteUpload(b.ctx, b.bucket, key, u.id, complete(part))
				} else {
					aborted = b.store.AbortUpload(b.ctx, b.bucket, key, u.id)
				}
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

// all runs f for 0 to n-1 at once.
func all(n int, f func(int)) {
	var running sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		running.Go(func() {
			<-start
			f(i)
		})
	}
	close(start)
	running.Wait()
}

// oneWins checks that of many puts under a condition exactly one is stored.
func (b *bench) oneWins(key string, c objects.Conditions, word string) {
	b.Helper()
	var winners sync.Map
	all(racers, func(n int) {
		data := fmt.Appendf(nil, "%s %d", word, n)
		info, err := b.store.Put(b.ctx, b.bucket, objects.PutRequest{Key: key, Content: content(data), Conditions: c})
		if err == nil {
			winners.Store(info.ETag, data)
		} else if !errors.Is(err, objects.ErrPreconditionFailed) {
			b.Error(err)
		}
	})
	count := 0
	winners.Range(func(_, data any) bool {
		count++
		b.holds(key, data.([]byte))
		return true
	})
	b.same(count, 1)
}
