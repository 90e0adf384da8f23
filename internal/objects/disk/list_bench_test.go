package disk

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/keywright/keywright/internal/objects"
)

const (
	manyDirectories = 1000
	manyKeys        = 1_000_000
)

// addManyObjects adds the rows of objects without content, evenly in
// directories.
func addManyObjects(b *testing.B, s *Store) {
	b.Helper()
	record := objectRecord{
		content: newID(time.Now()), key: make([]byte, 65), size: 4096, modified: time.Now(), md5: bytes.Repeat([]byte{1}, 16),
		attributes: objects.Attributes{ContentType: "application/octet-stream", OwnerID: fmt.Sprintf("%064d", 1)},
	}
	value := record.encode()
	for directory := range manyDirectories {
		rows := s.index.change()
		for n := range manyKeys / manyDirectories {
			rows.set(objectRow(testBucket.ID, manyKey(directory, n)), value)
		}
		if err := s.index.lazily(rows); err != nil {
			b.Fatal(err)
		}
	}
	if err := s.index.db.Flush(); err != nil {
		b.Fatal(err)
	}
}

func manyKey(directory, n int) string { return fmt.Sprintf("directory-%04d/object-%06d", directory, n) }

// BenchmarkListMillion lists pages of a thousand entries out of a million keys:
// at the start, in the middle and at the end, and of common prefixes, each of
// which passes over a thousand keys.
func BenchmarkListMillion(b *testing.B) {
	s := newTestStore(b, b.TempDir(), vfs.Default)
	addManyObjects(b, s)
	for _, page := range []struct {
		name string
		r    objects.ListRequest
	}{
		{"start", objects.ListRequest{}},
		{"middle", objects.ListRequest{After: manyKey(manyDirectories/2, 500)}},
		{"end", objects.ListRequest{After: manyKey(manyDirectories-2, 998)}},
		{"prefix", objects.ListRequest{Prefix: "directory-0700/"}},
		{"delimiter", objects.ListRequest{Delimiter: "/"}},
	} {
		b.Run(page.name, func(b *testing.B) {
			b.ReportAllocs()
			page.r.Max = 1000
			for b.Loop() {
				got, err := s.List(b.Context(), testBucket, page.r)
				if err != nil || len(got.Objects)+len(got.Prefixes) != 1000 {
					b.Fatal(len(got.Objects), err)
				}
			}
		})
	}
}

// BenchmarkListVersions lists pages of a thousand versions out of a million, and
// of objects in a bucket in which each has a thousand older versions.
func BenchmarkListVersions(b *testing.B) {
	s := newTestStore(b, b.TempDir(), vfs.Default)
	record := objectRecord{content: newID(time.Now()), key: make([]byte, 65), size: 4096, modified: time.Now(), md5: bytes.Repeat([]byte{1}, 16)}
	for n := range manyDirectories {
		rows := s.index.change()
		key := manyKey(0, n)
		for range manyKeys / manyDirectories {
			record.version = newVersionID(time.Now(), record.version)
			rows.set(versionRow(testBucket.ID, key, record.version), record.encode())
		}
		record.version = newVersionID(time.Now(), record.version)
		rows.set(objectRow(testBucket.ID, key), record.encode())
		if err := s.index.lazily(rows); err != nil {
			b.Fatal(err)
		}
	}
	if err := s.index.db.Flush(); err != nil {
		b.Fatal(err)
	}
	for _, page := range []struct {
		name string
		r    objects.ListVersionsRequest
	}{
		{"start", objects.ListVersionsRequest{}},
		{"end", objects.ListVersionsRequest{KeyAfter: manyKey(0, manyDirectories-2)}},
		{"delimiter", objects.ListVersionsRequest{Delimiter: "/"}},
	} {
		b.Run(page.name, func(b *testing.B) {
			b.ReportAllocs()
			page.r.Max = 1000
			for b.Loop() {
				got, err := s.ListVersions(b.Context(), testBucket, page.r)
				if err != nil || len(got.Versions)+len(got.Prefixes) == 0 {
					b.Fatal(len(got.Versions), err)
				}
			}
		})
	}
	b.Run("objects", func(b *testing.B) {
		for b.Loop() {
			got, err := s.List(b.Context(), testBucket, objects.ListRequest{Max: 1000})
			if err != nil || len(got.Objects) != 1000 {
				b.Fatal(len(got.Objects), err)
			}
		}
	})
}
