// Package objectstest holds every object store to the contract of package
// objects. It knows the contract and nothing of any store.
package objectstest

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keywright/keywright/internal/checksum"
	"github.com/keywright/keywright/internal/objects"
)

// Run runs the suite against the store that open returns, which is used by
// several tests at once, each in buckets of its own, and is not closed.
func Run(t *testing.T, open func(t *testing.T) objects.Store) {
	store := open(t)
	for _, group := range []struct {
		name  string
		tests map[string]func(*bench)
	}{
		{"Bucket", bucketTests},
		{"Object", objectTests},
		{"Condition", conditionTests},
		{"Copy", copyTests},
		{"List", listTests},
		{"Version", versionTests},
		{"Lock", lockTests},
		{"Upload", uploadTests},
		{"Complete", completeTests},
		{"Encryption", encryptionTests},
		{"Concurrency", concurrencyTests},
	} {
		t.Run(group.name, func(t *testing.T) {
			for name, test := range group.tests {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					test(newBench(t, store))
				})
			}
		})
	}
}

// bench is a store and an empty bucket in it, for one test. Its methods fail
// the test where the store does what it must not.
type bench struct {
	*testing.T
	store  objects.Store
	bucket objects.Bucket
	ctx    context.Context
}

var buckets atomic.Int64

func newBench(t *testing.T, store objects.Store) *bench {
	b := &bench{T: t, store: store, ctx: t.Context()}
	b.bucket = b.newBucket()
	return b
}

func (b *bench) newBucket() objects.Bucket {
	b.Helper()
	n := buckets.Add(1)
	bucket := objects.Bucket{ID: fmt.Sprintf("id-%d", n), Name: fmt.Sprintf("bucket-%d", n)}
	b.ok(b.store.CreateBucket(b.ctx, bucket))
	return bucket
}

func (b *bench) ok(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// fails checks that err is want.
func (b *bench) fails(err, want error) {
	b.Helper()
	if !errors.Is(err, want) {
		b.Fatalf("error %v, want %v", err, want)
	}
}

func (b *bench) same(got, want any) {
	b.Helper()
	if d := cmp.Diff(want, got); d != "" {
		b.Fatalf("(-want +got)\n%s", d)
	}
}

// sameBytes is same for contents, which are too large to be shown.
func (b *bench) sameBytes(got, want []byte) {
	b.Helper()
	if !bytes.Equal(got, want) {
		b.Fatalf("%d bytes that are not the %d expected", len(got), len(want))
	}
}

// remove deletes what a key of a bucket without versions holds.
func remove(ctx context.Context, s objects.Store, b objects.Bucket, key string, c objects.Conditions) error {
	_, err := s.Delete(ctx, b, objects.DeleteRequest{Key: key, Conditions: c})
	return err
}

func content(data []byte) objects.Content {
	return objects.Content{Body: bytes.NewReader(data), Size: int64(len(data))}
}

func text(s string) objects.Content { return content([]byte(s)) }

// random returns data that is the same for the same size and seed.
func random(size int, seed uint64) []byte {
	data := make([]byte, size)
	source := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(seed >> 16)})
	source.Read(data)
	return data
}

func md5Of(data []byte) string {
	sum := md5.Sum(data)
	return hex.EncodeToString(sum[:])
}

func sumOf(a checksum.Algorithm, data []byte) objects.Checksum {
	return objects.Checksum{Algorithm: a, Type: checksum.FullObject, Value: checksum.Encode(a.Sum(data))}
}

func (b *bench) put(key string, data []byte) objects.Info {
	b.Helper()
	info, err := b.store.Put(b.ctx, b.bucket, objects.PutRequest{Key: key, Content: content(data)})
	b.ok(err)
	return info
}

func (b *bench) open(key string) objects.Object {
	b.Helper()
	o, err := b.store.Open(b.ctx, b.bucket, key, "")
	b.ok(err)
	b.Cleanup(func() { o.Close() })
	return o
}

func (b *bench) read(o objects.Object, offset, length int64) []byte {
	b.Helper()
	data, err := readAll(b.ctx, o, offset, length)
	b.ok(err)
	return data
}

func readAll(ctx context.Context, o objects.Object, offset, length int64) ([]byte, error) {
	r, err := o.Read(ctx, offset, length)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(r)
	return data, errors.Join(err, r.Close())
}

// holds checks that a key holds data, and returns its Info.
func (b *bench) holds(key string, data []byte) objects.Info {
	b.Helper()
	o := b.open(key)
	defer o.Close()
	info := o.Info()
	b.same(info.Key, key)
	b.same(info.Size, int64(len(data)))
	b.sameBytes(b.read(o, 0, info.Size), data)
	return info
}

// holdsNothing checks that a key can be neither opened nor listed.
func (b *bench) holdsNothing(key string) {
	b.Helper()
	_, err := b.store.Open(b.ctx, b.bucket, key, "")
	b.fails(err, objects.ErrNoSuchKey)
	page, err := b.store.List(b.ctx, b.bucket, objects.ListRequest{Prefix: key, Max: 1})
	b.ok(err)
	if len(page.Objects) > 0 && page.Objects[0].Key == key {
		b.Fatalf("%q is listed and cannot be opened", key)
	}
}

func (b *bench) keys() []string {
	b.Helper()
	page, err := b.store.List(b.ctx, b.bucket, objects.ListRequest{Max: 10000})
	b.ok(err)
	keys := []string{}
	for _, o := range page.Objects {
		keys = append(keys, o.Key)
	}
	return keys
}

// hostileKeys are keys that mean something to a file system, an encoding or a
// pattern, and must mean nothing to a store.
func hostileKeys() []string {
	longest := bytes.Repeat([]byte("x"), objects.MaxKeyLength)
	return []string{
		".", "..", "../x", "../../etc/passwd", "a/../b", "a/./b", "/", "//", "///", "/a", "a/", "a//b", "a", "ab", "a/b", "a/b/c",
		"*", "?", "[a]", "a*", "%", "%00", "%2e%2e", "a%2Fb", "\\", "a\\b", "C:\\x", "~", "$HOME", "'", "\"", "`", ";", "|", "&", "<>", " ", "a ", " a",
		"\n", "a\nb", "\r\n", "\t", "\x01", "\x01\x02", "\x02", "\x7f", "a\x01", "a\x01b", "a\x1f",
		"\x00", "\x00\x00", "\x00\x01", "\x00\xff", "a\x00", "a\x00\x00", "a\x00\x01", "a\x00\x02", "a\x00b", "a\x00\xff",
		"\u00e9", "e\u0301", "\u202e", "\ufeff", "\ufffd", "\U0001f600", "a\U0001f600b", "\U0010ffff", "\u65e5\u672c\u8a9e",
		string(longest), string(longest[:objects.MaxKeyLength-1]), string(longest[:objects.MaxKeyLength-1]) + "y",
		string(bytes.Repeat([]byte{0}, objects.MaxKeyLength)),
	}
}
