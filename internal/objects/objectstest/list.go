package objectstest

import (
	"context"
	"slices"
	"strings"

	"pgregory.net/rapid"

	"github.com/keywright/keywright/internal/objects"
)

var listTests = map[string]func(*bench){
	"EmptyAndNone": func(b *bench) {
		for _, keys := range [][]string{nil, {"a", "b"}} {
			for _, key := range keys {
				b.put(key, nil)
			}
			page, err := b.store.List(b.ctx, b.bucket, objects.ListRequest{Max: 0})
			b.ok(err)
			b.same(page, objects.ListPage{})
			page, err = b.store.List(b.ctx, b.bucket, objects.ListRequest{Prefix: "x", Max: 10})
			b.ok(err)
			b.same(page, objects.ListPage{})
		}
	},

	"EveryPageOfEveryListing": func(b *bench) {
		keys := append(hostileKeys(), "photos/2006/a.jpg", "photos/2006/b.jpg", "photos/2007/", "photos/2007/c.jpg", "photos", "photosynthesis", "photos//x",
			"a::b::c", "a::b", "a::", "a:b", "\xff", "\xff\xff", "a\xff", "a\xff/b", "a\xff\xff/b")
		for _, key := range keys {
			b.put(key, []byte(key))
		}
		slices.Sort(keys)
		keys = slices.Compact(keys)
		names := append([]string{"", "photos/", "photos/200", "a:", "a::", "\xff", "zzz"}, keys...)
		for _, delimiter := range []string{"", "/", "//", "::", "a", "\x00", "\xff", "otos/2"} {
			for _, prefix := range []string{"", "a", "a/", "photos/", "photos/2006/", "\x00", "a\x00", "\xff", "a\xff", "none"} {
				for _, after := range names {
					b.walk(keys, objects.ListRequest{Prefix: prefix, Delimiter: delimiter, After: after, Max: 1000})
				}
				for _, size := range []int{1, 2, 3, 7} {
					b.walk(keys, objects.ListRequest{Prefix: prefix, Delimiter: delimiter, Max: size})
				}
			}
		}
	},

	"AsAModelLists": func(b *bench) {
		name := rapid.StringOfN(rapid.SampledFrom([]rune{0, 1, 'a', 'b', '/', '\U0001f600'}), 1, 6, 24)
		part := rapid.StringOfN(rapid.SampledFrom([]rune{0, 1, 'a', 'b', '/'}), 0, 3, 12)
		var keys []string
		rapid.Check(b, func(t *rapid.T) {
			if len(keys) < 200 {
				for _, key := range rapid.SliceOfN(name, 1, 5).Draw(t, "keys") {
					if _, err := b.store.Put(b.ctx, b.bucket, objects.PutRequest{Key: key, Content: text(key)}); err != nil {
						t.Fatal(err)
					}
					keys = append(keys, key)
				}
				slices.Sort(keys)
				keys = slices.Compact(keys)
			}
			r := objects.ListRequest{
				Prefix:    part.Draw(t, "prefix"),
				Delimiter: part.Draw(t, "delimiter"),
				After:     part.Draw(t, "after"),
				Max:       rapid.IntRange(0, 12).Draw(t, "max"),
			}
			b.walk(keys, r)
		})
	},

	"UploadsByKeyAndTime": func(b *bench) {
		var want []objects.Upload
		for _, key := range []string{"a", "a/b", "a/c", "b", "\x00", "a\x00", "z/\U0001f600", "*"} {
			for range 3 {
				want = append(want, b.upload(key, objects.UploadRequest{Initiator: objects.Initiator{ID: "i"}}).Upload)
			}
		}
		slices.SortStableFunc(want, func(x, y objects.Upload) int { return strings.Compare(x.Key, y.Key) })
		for size := 1; size <= len(want)+1; size++ {
			b.same(b.uploads(objects.ListUploadsRequest{Max: size}), uploadEntries(want, "", ""))
		}
		for _, prefix := range []string{"", "a", "a/", "z", "none"} {
			for _, delimiter := range []string{"/", "", "\x00"} {
				for _, size := range []int{1, 2, 5, 1000} {
					got := b.uploads(objects.ListUploadsRequest{Prefix: prefix, Delimiter: delimiter, Max: size})
					b.same(got, uploadEntries(want, prefix, delimiter))
				}
			}
		}
	},

	"UploadsAfter": func(b *bench) {
		first, second, other := b.upload("a", objects.UploadRequest{}), b.upload("a", objects.UploadRequest{}), b.upload("b", objects.UploadRequest{})
		for _, c := range []struct {
			key, id string
			want    []objects.Upload
		}{
			{"", "", []objects.Upload{first.Upload, second.Upload, other.Upload}},
			{"", first.id, []objects.Upload{first.Upload, second.Upload, other.Upload}},
			{"a", "", []objects.Upload{other.Upload}},
			{"a", first.id, []objects.Upload{second.Upload, other.Upload}},
			{"a", second.id, []objects.Upload{other.Upload}},
			{"b", "", nil},
		} {
			page, err := b.store.ListUploads(b.ctx, b.bucket, objects.ListUploadsRequest{KeyAfter: c.key, UploadAfter: c.id, Max: 10})
			b.ok(err)
			b.same(page, objects.UploadsPage{Uploads: c.want})
		}
		_, err := b.store.ListUploads(b.ctx, b.bucket, objects.ListUploadsRequest{KeyAfter: "a", UploadAfter: "\n", Max: 10})
		b.fails(err, objects.ErrNoSuchUpload)
		page, err := b.store.ListUploads(b.ctx, b.bucket, objects.ListUploadsRequest{})
		b.ok(err)
		b.same(page, objects.UploadsPage{})
	},

	"EndedContext": func(b *bench) {
		ended, cancel := context.WithCancel(b.ctx)
		cancel()
		_, err := b.store.List(ended, b.bucket, objects.ListRequest{Max: 1})
		b.fails(err, context.Canceled)
		_, err = b.store.ListUploads(ended, b.bucket, objects.ListUploadsRequest{Max: 1})
		b.fails(err, context.Canceled)
	},
}

// modelEntries returns what a listing of sorted keys has, in order, as the
// documentation of ListRequest says it.
func modelEntries(keys []string, r objects.ListRequest) []string {
	entries := []string{}
	for _, key := range keys {
		if !strings.HasPrefix(key, r.Prefix) {
			continue
		}
		entry := key
		if r.Delimiter != "" {
			if before, _, found := strings.Cut(key[len(r.Prefix):], r.Delimiter); found {
				entry = r.Prefix + before + r.Delimiter + commonMark
			}
		}
		if strings.TrimSuffix(entry, commonMark) > r.After && !slices.Contains(entries, entry) {
			entries = append(entries, entry)
		}
	}
	return entries
}

// commonMark tells a common prefix from a key in a model's entries; no key ends
// with it.
const commonMark = "\xfe(common)"

// walk lists page by page and compares with the model.
func (b *bench) walk(keys []string, r objects.ListRequest) {
	b.Helper()
	want := modelEntries(keys, r)
	if r.Max == 0 {
		want = []string{}
	}
	got, asked := []string{}, r
	for {
		page, err := b.store.List(b.ctx, b.bucket, r)
		b.ok(err)
		entries := pageEntries(page)
		got = append(got, entries...)
		if !page.Truncated {
			b.same(page.Next, "")
			break
		}
		if len(entries) != r.Max {
			b.Fatalf("%+v: a truncated page of %d", r, len(entries))
		}
		r.After = page.Next
	}
	if !slices.Equal(got, want) {
		b.Fatalf("%+v:\n got %q\nwant %q", asked, got, want)
	}
}

// pageEntries returns a page's entries in the order of the whole.
func pageEntries(page objects.ListPage) []string {
	entries := make([]string, 0, len(page.Objects)+len(page.Prefixes))
	for _, o := range page.Objects {
		entries = append(entries, o.Key)
	}
	if !slices.IsSorted(entries) || !slices.IsSorted(page.Prefixes) {
		return []string{"out of order"}
	}
	for _, p := range page.Prefixes {
		entries = append(entries, p+commonMark)
	}
	slices.SortFunc(entries, func(x, y string) int {
		return strings.Compare(strings.TrimSuffix(x, commonMark), strings.TrimSuffix(y, commonMark))
	})
	return entries
}

// uploads lists uploads page by page: key and id, or common prefix.
func (b *bench) uploads(r objects.ListUploadsRequest) []string {
	b.Helper()
	entries := []string{}
	for {
		page, err := b.store.ListUploads(b.ctx, b.bucket, r)
		b.ok(err)
		entries = append(entries, uploadPage(page)...)
		if !page.Truncated {
			b.same(page.NextKey+page.NextUploadID, "")
			return entries
		}
		b.same(len(page.Uploads)+len(page.Prefixes), r.Max)
		r.KeyAfter, r.UploadAfter = page.NextKey, page.NextUploadID
	}
}

// uploadPage merges a page's uploads, in their order, with its prefixes.
func uploadPage(page objects.UploadsPage) []string {
	var entries []string
	prefixes := page.Prefixes
	for _, u := range page.Uploads {
		for len(prefixes) > 0 && prefixes[0] < u.Key {
			entries, prefixes = append(entries, prefixes[0]), prefixes[1:]
		}
		entries = append(entries, u.Key+" "+u.ID)
	}
	return append(entries, prefixes...)
}

func uploadEntries(all []objects.Upload, prefix, delimiter string) []string {
	entries := []string{}
	for _, u := range all {
		entry := u.Key + " " + u.ID
		if !strings.HasPrefix(u.Key, prefix) {
			continue
		}
		if before, _, found := strings.Cut(u.Key[len(prefix):], delimiter); found && delimiter != "" {
			entry = prefix + before + delimiter
		}
		if !slices.Contains(entries, entry) {
			entries = append(entries, entry)
		}
	}
	return entries
}
