package disk

import (
	"bytes"
	"errors"
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
	benchmarkPages(b, s, []listPage{
		{"start", objects.ListRequest{}, 1000},
		{"middle", objects.ListRequest{After: manyKey(manyDirectories/2, 500)}, 1000},
		{"end", objects.ListRequest{After: manyKey(manyDirectories-2, 998)}, 1000},
		{"prefix", objects.ListRequest{Prefix: "directory-0700/"}, 1000},
		{"delimiter", objects.ListRequest{Delimiter: "/"}, 1000},
		{"delimiterFromTheMiddle", objects.ListRequest{Delimiter: "/", After: "directory-0499/"}, 500},
		{"delimiterWithinTheName", objects.ListRequest{Prefix: "directory-0", Delimiter: "-"}, 1000},
		{"oneCommonPrefixOfAll", objects.ListRequest{Delimiter: "-"}, 1},
		{"afterACommonPrefixOfAll", objects.ListRequest{Delimiter: "-", After: "directory-"}, 0},
		{"prefixOfNothing", objects.ListRequest{Prefix: "directory-0700/p"}, 0},
	})
}

// listPage is a page of a listing, and how many entries it has.
type listPage struct {
	name string
	r    objects.ListRequest
	want int
}

func benchmarkPages(b *testing.B, s *Store, pages []listPage) {
	for _, page := range pages {
		b.Run(page.name, func(b *testing.B) {
			b.ReportAllocs()
			page.r.Max = 1000
			for b.Loop() {
				got, err := s.List(b.Context(), testBucket, page.r)
				if n := len(got.Objects) + len(got.Prefixes); n != page.want || err != nil {
					b.Fatal(n, err)
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

// BenchmarkListAfterDeletions lists a page of a thousand where a million keys
// were, all but the last thousand of which have just been deleted.
func BenchmarkListAfterDeletions(b *testing.B) {
	s := newTestStore(b, b.TempDir(), vfs.Default)
	addManyObjects(b, s)
	for directory := range manyDirectories - 1 {
		rows := s.index.change()
		for n := range manyKeys / manyDirectories {
			rows.delete(objectRow(testBucket.ID, manyKey(directory, n)))
		}
		if err := s.index.lazily(rows); err != nil {
			b.Fatal(err)
		}
	}
	benchmarkPages(b, s, []listPage{
		{"start", objects.ListRequest{}, 1000},
		{"delimiter", objects.ListRequest{Delimiter: "/"}, 1},
		{"end", objects.ListRequest{Prefix: "directory-0999/"}, 1000},
	})
}

// BenchmarkListMarkers lists a bucket of which a million keys have a delete
// marker on top, and the last has an object.
func BenchmarkListMarkers(b *testing.B) {
	s := newTestStore(b, b.TempDir(), vfs.Default)
	marker := objectRecord{isMarker: true, modified: time.Now(), attributes: objects.Attributes{OwnerID: fmt.Sprintf("%064d", 1)}}
	for directory := range manyDirectories {
		rows := s.index.change()
		for n := range manyKeys / manyDirectories {
			marker.version = newVersionID(time.Now(), marker.version)
			rows.set(versionRow(testBucket.ID, manyKey(directory, n), marker.version), marker.encode())
		}
		if err := s.index.lazily(rows); err != nil {
			b.Fatal(err)
		}
	}
	record := objectRecord{content: newID(time.Now()), key: make([]byte, 65), modified: time.Now(), md5: make([]byte, 16)}
	rows := s.index.change()
	rows.set(objectRow(testBucket.ID, "last"), record.encode())
	if err := errors.Join(s.index.lazily(rows), s.index.db.Flush()); err != nil {
		b.Fatal(err)
	}
	benchmarkPages(b, s, []listPage{
		{"objects", objects.ListRequest{}, 1},
		{"prefixes", objects.ListRequest{Delimiter: "/"}, 1},
	})
	for name, r := range map[string]objects.ListVersionsRequest{
		"versions": {}, "versionsFromTheMiddle": {KeyAfter: manyKey(manyDirectories/2, 500)}, "versionsByPrefix": {Delimiter: "/"},
	} {
		b.Run(name, func(b *testing.B) {
			r.Max = 1000
			for b.Loop() {
				got, err := s.ListVersions(b.Context(), testBucket, r)
				if n := len(got.Versions) + len(got.Prefixes); n != 1000 || err != nil {
					b.Fatal(n, err)
				}
			}
		})
	}
}

// BenchmarkListUploads lists pages of a thousand uploads out of a million.
func BenchmarkListUploads(b *testing.B) {
	s := newTestStore(b, b.TempDir(), vfs.Default)
	record := uploadRecord{key: make([]byte, 65)}
	for directory := range manyDirectories {
		rows := s.index.change()
		for n := range manyKeys / manyDirectories {
			rows.set(uploadRow(testBucket.ID, manyKey(directory, n), newUploadID(time.Now())), record.encode())
		}
		if err := s.index.lazily(rows); err != nil {
			b.Fatal(err)
		}
	}
	if err := s.index.db.Flush(); err != nil {
		b.Fatal(err)
	}
	for name, r := range map[string]objects.ListUploadsRequest{
		"start": {}, "middle": {KeyAfter: manyKey(manyDirectories/2, 500)}, "end": {KeyAfter: manyKey(manyDirectories-2, 998)}, "delimiter": {Delimiter: "/"},
	} {
		b.Run(name, func(b *testing.B) {
			r.Max = 1000
			for b.Loop() {
				got, err := s.ListUploads(b.Context(), testBucket, r)
				if n := len(got.Uploads) + len(got.Prefixes); n != 1000 || err != nil {
					b.Fatal(n, err)
				}
			}
		})
	}
}
