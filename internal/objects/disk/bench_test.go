package disk_test

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/keywright/keywright/internal/checksum"
	"github.com/keywright/keywright/internal/objects"
	"github.com/keywright/keywright/internal/objects/disk"
)

func benchmarkStore(b *testing.B) *disk.Store {
	b.Helper()
	s := openStore(b, b.TempDir(), disk.Options{})
	if err := s.CreateBucket(context.Background(), bucket); err != nil {
		b.Fatal(err)
	}
	return s
}

// benchmarkSizes are of contents in the index, on both sides of its limit, and
// of files.
var benchmarkSizes = []int{4 << 10, 64 << 10, 64<<10 + 1, 1 << 20, 8 << 20}

func BenchmarkPut(b *testing.B) {
	for _, size := range benchmarkSizes {
		for _, writers := range []int{1, 32} {
			b.Run(fmt.Sprintf("%dKiB/writers=%d", (size+1023)/1024, writers), func(b *testing.B) {
				s, data := benchmarkStore(b), make([]byte, size)
				var n atomic.Int64
				b.SetBytes(int64(size))
				b.SetParallelism(max(1, writers/2))
				b.ReportAllocs()
				put := func() {
					c := contentFrom(data)
					c.Checksum = checksum.CRC64NVME
					key := strconv.FormatInt(n.Add(1), 10)
					if _, err := s.Put(context.Background(), bucket, objects.PutRequest{Key: key, Content: c}); err != nil {
						b.Error(err)
					}
				}
				if writers == 1 {
					for b.Loop() {
						put()
					}
					return
				}
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						put()
					}
				})
			})
		}
	}
}

func BenchmarkGet(b *testing.B) {
	for _, size := range benchmarkSizes {
		b.Run(fmt.Sprintf("%dKiB", (size+1023)/1024), func(b *testing.B) {
			s := benchmarkStore(b)
			put(b, s, "k", make([]byte, size))
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				get(b, s, "k", size)
			}
		})
	}
}

func get(b *testing.B, s *disk.Store, key string, size int) {
	o, err := s.Open(context.Background(), bucket, key, "")
	if err != nil {
		b.Fatal(err)
	}
	defer o.Close()
	r, err := o.Read(context.Background(), 0, int64(size))
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	if n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, r, make([]byte, 32<<10)); err != nil || n != int64(size) {
		b.Fatal(n, err)
	}
}

func BenchmarkHead(b *testing.B) {
	s := benchmarkStore(b)
	put(b, s, "k", make([]byte, 4<<10))
	b.ReportAllocs()
	for b.Loop() {
		o, err := s.Open(context.Background(), bucket, "k", "")
		if err != nil {
			b.Fatal(err)
		}
		o.Close()
	}
}
