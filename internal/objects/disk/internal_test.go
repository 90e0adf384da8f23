package disk

import (
	"bytes"
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/keywright/keywright/internal/checksum"
	"github.com/keywright/keywright/internal/objects"
)

// plainSealer checks what a key is bound to and hides nothing.
type plainSealer struct{}

func (plainSealer) Seal(plaintext, associatedData []byte) ([]byte, error) {
	return slices.Concat(associatedData, plaintext), nil
}

func (plainSealer) Open(ciphertext, associatedData []byte) ([]byte, error) {
	plaintext, ok := bytes.CutPrefix(ciphertext, associatedData)
	if !ok {
		return nil, errors.New("sealed for another place")
	}
	return plaintext, nil
}

var testBucket = objects.Bucket{ID: "bucket", Name: "bucket"}

func newTestStore(t testing.TB, dir string, fs vfs.FS) *Store {
	t.Helper()
	s, err := Open(dir, Options{Sealer: plainSealer{}, FS: fs})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	if err := s.CreateBucket(context.Background(), testBucket); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestRowsSortAsNames(t *testing.T) {
	name := rapid.StringOfN(rapid.SampledFrom([]rune{0, 1, 2, 'a', 'b', 0xff, 0x10ffff}), 0, 8, 32)
	rapid.Check(t, func(t *rapid.T) {
		a, b, id := name.Draw(t, "a"), name.Draw(t, "b"), name.Draw(t, "id")
		if got, want := bytes.Compare(objectRow(id, a), objectRow(id, b)), strings.Compare(a, b); got != want {
			t.Fatalf("rows of %q and %q compare as %d", a, b, got)
		}
		rows := rowsOf(objectSpace, id)
		got, rest, ok := cutName(objectRow(id, a)[len(rows):])
		if !ok || got != a || len(rest) != 0 {
			t.Fatalf("%q became %q, %q, %v", a, got, rest, ok)
		}
		prefix := appendEscaped(bytes.Clone(rows), b)
		inside := bytes.Compare(objectRow(id, a), prefix) >= 0 && bytes.Compare(objectRow(id, a), successor(prefix)) < 0
		if inside != strings.HasPrefix(a, b) {
			t.Fatalf("the row of %q is among those that begin with %q: %v", a, b, inside)
		}
		if a != b && (bytes.Compare(past(rows, a), objectRow(id, b)) <= 0) != (a < b) {
			t.Fatalf("%q is past %q", b, a)
		}
		other := name.Draw(t, "other id")
		if other != id && bytes.HasPrefix(objectRow(other, a), rows) {
			t.Fatalf("a row of bucket %q is among those of %q", other, id)
		}
	})
}

func FuzzCutName(f *testing.F) {
	f.Add([]byte("a\x00\x01"))
	f.Add([]byte("\x00\xff\x00\x01rest"))
	f.Add([]byte("a\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		name, rest, ok := cutName(b)
		if ok && !bytes.Equal(slices.Concat(appendEscaped(nil, name), []byte(terminator), rest), b) {
			t.Errorf("%q is not the name of %q", name, b)
		}
	})
}

func FuzzParseUploadID(f *testing.F) {
	f.Add(newUploadID(time.Unix(1, 2)).String())
	f.Add("")
	f.Fuzz(func(t *testing.T, s string) {
		if u, ok := parseUploadID(s); ok && u.String() != s {
			t.Errorf("%q is another name of %q", s, u)
		}
	})
}

// FuzzRecords decodes anything without a panic, and what it decodes as what it
// encodes.
func FuzzRecords(f *testing.F) {
	o, u, p, c := sampleRecords()
	for _, b := range [][]byte{o.encode(), u.encode(), p.encode(), c.encode(), {}, {recordVersion}} {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if o, err := decodeObject(b); err == nil {
			again, err := decodeObject(o.encode())
			equal(t, again, o, err)
		} else if !errors.Is(err, objects.ErrCorrupt) {
			t.Error(err)
		}
		if u, err := decodeUpload(b); err == nil {
			again, err := decodeUpload(u.encode())
			equal(t, again, u, err)
		}
		if p, err := decodePart(b); err == nil {
			again, err := decodePart(p.encode())
			equal(t, again, p, err)
		}
		if c, err := decodeContent(b); err == nil {
			again, err := decodeContent(c.encode())
			equal(t, again, c, err)
		}
	})
}

func equal(t *testing.T, got, want any, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	allow := cmp.AllowUnexported(objectRecord{}, uploadRecord{}, partRecord{}, contentRecord{}, segment{})
	empty := cmp.FilterValues(func(a, b []byte) bool { return len(a)+len(b) == 0 }, cmp.Ignore())
	if d := cmp.Diff(want, got, allow, empty); d != "" {
		t.Error(d)
	}
}

func sampleRecords() (objectRecord, uploadRecord, partRecord, contentRecord) {
	sum := objects.Checksum{Algorithm: checksum.CRC32C, Type: checksum.Composite, Value: "AAAAAA==-2"}
	attributes := objects.Attributes{ContentType: "a", OwnerID: "b", ACL: "c", Metadata: map[string]string{"k": "v", "": ""}, Tags: map[string]string{"t": "u"},
		Lock: objects.Lock{Retention: objects.Retention{Mode: objects.Governance, Until: time.Unix(9, 8).UTC()}, LegalHold: objects.HoldOff}}
	one := segment{file: id{1, 2}, size: 3, number: 4, checksum: sum}
	return objectRecord{
			null: true, content: id{1}, key: []byte("sealed"), size: 5, modified: time.Unix(1, 2).UTC(), md5: bytes.Repeat([]byte{6}, 16),
			parts: 7, checksum: sum, attributes: attributes, upload: []byte("upload"),
		}, uploadRecord{
			content: id{2}, key: []byte("sealed"), initiated: time.Unix(3, 4).UTC(), checksum: checksum.SHA1, kind: checksum.Composite,
			attributes: attributes, initiator: objects.Initiator{ID: "i", DisplayName: "d", UserID: "u"}, asked: "AES256",
		}, partRecord{segment: one, modified: time.Unix(5, 6).UTC(), md5: bytes.Repeat([]byte{8}, 16)},
		contentRecord{inline: []byte("inline"), segments: []segment{one, {file: id{3}}}}
}

func TestRecordsSurvive(t *testing.T) {
	o, u, p, c := sampleRecords()
	gotO, err := decodeObject(o.encode())
	equal(t, gotO, &o, err)
	for _, v := range []objectRecord{
		{version: versionID{1}, content: id{1}}, {version: versionID{1}, null: true, content: id{1}},
		{version: versionID{2}, isMarker: true, modified: time.Unix(1, 2).UTC()}, {version: versionID{3}, isMarker: true, null: true},
	} {
		got, err := decodeObject(v.encode())
		equal(t, got, &v, err)
	}
	gotU, err := decodeUpload(u.encode())
	equal(t, gotU, &u, err)
	gotP, err := decodePart(p.encode())
	equal(t, gotP, &p, err)
	gotC, err := decodeContent(c.encode())
	equal(t, gotC, &c, err)
}

// TestDamagedRowsAreNeverRead flips every bit of the rows that a small object is
// made of.
func TestDamagedRowsAreNeverRead(t *testing.T) {
	s := newTestStore(t, "data", vfs.NewMem())
	data := []byte("the bytes of an object")
	_, err := s.Put(t.Context(), testBucket, objects.PutRequest{Key: "k", Content: objects.Content{Body: bytes.NewReader(data), Size: int64(len(data))}})
	if err != nil {
		t.Fatal(err)
	}
	o, err := s.object(objectRow(testBucket.ID, "k"))
	if err != nil {
		t.Fatal(err)
	}
	at := row(contentSpace, o.content[:])
	whole, err := s.index.get(at)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 8 * len(whole) {
		damaged := bytes.Clone(whole)
		damaged[i/8] ^= 1 << (i % 8)
		setRow(t, s, at, damaged)
		if got, err := readTest(t, s, "k"); !errors.Is(err, objects.ErrCorrupt) || len(got) > 0 {
			t.Fatalf("bit %d: %q, error %v", i, got, err)
		}
	}
	setRow(t, s, at, whole)
	if got, err := readTest(t, s, "k"); err != nil || !bytes.Equal(got, data) {
		t.Fatalf("undamaged: %q, %v", got, err)
	}
}

// TestContentIsBoundToItsPlace moves an object's row, as one with access to the
// index could.
func TestContentIsBoundToItsPlace(t *testing.T) {
	s := newTestStore(t, "data", vfs.NewMem())
	_, err := s.Put(t.Context(), testBucket, objects.PutRequest{Key: "secret", Content: objects.Content{Body: strings.NewReader("v"), Size: 1}})
	if err != nil {
		t.Fatal(err)
	}
	value, err := s.index.get(objectRow(testBucket.ID, "secret"))
	if err != nil {
		t.Fatal(err)
	}
	setRow(t, s, objectRow(testBucket.ID, "public"), value)
	if _, err := readTest(t, s, "public"); !errors.Is(err, objects.ErrCorrupt) {
		t.Errorf("error %v", err)
	}
}

func setRow(t *testing.T, s *Store, key, value []byte) {
	t.Helper()
	c := s.index.change()
	c.set(key, value)
	if err := s.index.durable(c); err != nil {
		t.Fatal(err)
	}
}

func readTest(t *testing.T, s *Store, key string) ([]byte, error) {
	o, err := s.Open(t.Context(), testBucket, key, "")
	if err != nil {
		return nil, err
	}
	defer o.Close()
	r, err := o.Read(t.Context(), 0, o.Info().Size)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

// TestTenThousandParts completes, opens, copies and deletes the largest number of
// parts, of which only the rows and one file exist.
func TestTenThousandParts(t *testing.T) {
	fs := vfs.NewMem()
	s := newTestStore(t, "data", fs)
	upload, err := s.CreateUpload(t.Context(), testBucket, objects.UploadRequest{Key: "k", Checksum: checksum.CRC64NVME})
	if err != nil {
		t.Fatal(err)
	}
	u, _ := parseUploadID(upload.ID)
	request := objects.CompleteRequest{Size: objects.MaxPartNumber * objects.MinPartSize}
	rows, all := s.index.change(), md5.New()
	for number := 1; number <= objects.MaxPartNumber; number++ {
		sum := md5.Sum(fmt.Append(nil, number))
		all.Write(sum[:])
		p := partRecord{
			segment: segment{
				file: newID(time.Now()), size: objects.MinPartSize, number: number,
				checksum: objects.Checksum{Algorithm: checksum.CRC64NVME, Type: checksum.FullObject, Value: checksum.Encode(sum[:8])},
			},
			md5: sum[:], modified: time.Unix(int64(number), 0).UTC(),
		}
		rows.set(partRow(u, number), p.encode())
		request.Parts = append(request.Parts, objects.CompletedPart{Number: number, ETag: p.part().ETag})
	}
	if err := s.index.durable(rows); err != nil {
		t.Fatal(err)
	}
	info, err := s.CompleteUpload(t.Context(), testBucket, "k", upload.ID, request)
	if err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("%x-10000", all.Sum(nil)); info.ETag != want || info.Size != request.Size || len(info.Parts) != objects.MaxPartNumber {
		t.Fatalf("%s of %d bytes in %d parts", info.ETag, info.Size, len(info.Parts))
	}
	o, err := s.Open(t.Context(), testBucket, "k", "")
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(info, o.Info()); d != "" {
		t.Fatal(d)
	}
	for range 2 {
		if _, err := s.Copy(t.Context(), o, testBucket, objects.CopyRequest{Key: "copy"}); err != nil {
			t.Fatal(err)
		}
	}
	o.Close()
	for _, key := range []string{"k", "copy"} {
		if err := remove(t.Context(), s, testBucket, key, objects.Conditions{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	checkOnlySpares(t, fs)
}

// checkOnlySpares checks that a store whose objects are all deleted has no rows
// but its bucket's and those of files that it may yet make.
func checkOnlySpares(t *testing.T, fs vfs.FS) {
	t.Helper()
	x, err := openIndex("data/index", fs, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer x.close()
	err = each(x.db, nil, []byte{0xff}, func(key, _ []byte) error {
		if key[0] != bucketSpace && key[0] != unnamedSpace {
			t.Errorf("row %q is left", key)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// remove deletes what a key of a bucket without versions holds.
func remove(ctx context.Context, s objects.Store, b objects.Bucket, key string, c objects.Conditions) error {
	_, err := s.Delete(ctx, b, objects.DeleteRequest{Key: key, Conditions: c})
	return err
}
