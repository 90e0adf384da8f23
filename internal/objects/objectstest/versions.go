package objectstest

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"pgregory.net/rapid"

	"github.com/keywright/keywright/internal/objects"
)

// kept is what a model knows of one version.
type kept struct {
	key, id string
	marker  bool
	data    string
	tag     string
}

// model is the plain reading of "How S3 Versioning works": the versions of each
// key, the newest first.
type model map[string][]kept

func (m model) push(v objects.Versioning, made kept) {
	old := m[made.key]
	if v == objects.Unversioned {
		old = nil
	}
	if v == objects.VersioningSuspended {
		old = slices.DeleteFunc(slices.Clone(old), func(k kept) bool { return k.id == objects.NullVersion })
	}
	m[made.key] = append([]kept{made}, old...)
}

func (m model) delete(key, id string) {
	m[key] = slices.DeleteFunc(slices.Clone(m[key]), func(k kept) bool { return k.id == id })
}

func (m model) all() (all []kept) {
	for _, versions := range m {
		all = append(all, versions...)
	}
	slices.SortStableFunc(all, func(a, b kept) int { return strings.Compare(a.key, b.key) })
	return all
}

func (b *bench) putVersion(key, data string, v objects.Versioning) objects.Info {
	b.Helper()
	info, err := b.store.Put(b.ctx, b.bucket, objects.PutRequest{Key: key, Content: text(data), Versioning: v})
	b.ok(err)
	return info
}

func (b *bench) deleteVersion(key, id string, v objects.Versioning) objects.Deleted {
	b.Helper()
	deleted, err := b.store.Delete(b.ctx, b.bucket, objects.DeleteRequest{Key: key, VersionID: id, Versioning: v})
	b.ok(err)
	return deleted
}

// holdsVersion checks that a version, the current one when id is "", has data.
func (b *bench) holdsVersion(key, id, data string) objects.Info {
	b.Helper()
	o, err := b.store.Open(b.ctx, b.bucket, key, id)
	b.ok(err)
	defer o.Close()
	info := o.Info()
	if id != "" {
		b.same(info.VersionID, id)
	}
	b.same(string(b.read(o, 0, info.Size)), data)
	return info
}

// marked checks that a delete marker is what is found.
func (b *bench) marked(key, id, marker string) {
	b.Helper()
	_, err := b.store.Open(b.ctx, b.bucket, key, id)
	var found *objects.DeleteMarkerError
	if !errors.As(err, &found) || found.VersionID != marker || found.Named != (id != "") || found.Modified.IsZero() {
		b.Fatalf("error %v (%+v), want that of the delete marker %s", err, found, marker)
	}
	if errors.Is(err, objects.ErrNoSuchKey) != (id == "") {
		b.Fatalf("error %v for the version %q", err, id)
	}
}

// switched is a body that holds nothing, and a bucket that keeps versions from
// when the body is read.
type switched struct{ state objects.Versioning }

func (s *switched) Read([]byte) (int, error) {
	s.state = objects.VersioningEnabled
	return 0, io.EOF
}

// Versioning implements objects.Versioner.
func (s *switched) Versioning() objects.Versioning { return s.state }

var versionTests = map[string]func(*bench){
	"UnversionedIsNull": func(b *bench) {
		b.same(b.putVersion("k", "1", objects.Unversioned).VersionID, objects.NullVersion)
		b.same(b.putVersion("k", "2", objects.Unversioned).VersionID, objects.NullVersion)
		b.holdsVersion("k", objects.NullVersion, "2")
		b.same(b.deleteVersion("k", "", objects.Unversioned), objects.Deleted{})
		_, err := b.store.Open(b.ctx, b.bucket, "k", objects.NullVersion)
		b.fails(err, objects.ErrNoSuchVersion)
		b.holdsNothing("k")
	},

	// What a bucket was told to keep while a body came in is kept.
	"AsksAtTheWrite": func(b *bench) {
		old := b.putVersion("k", "0", objects.Unversioned)
		state := &switched{}
		body := io.MultiReader(strings.NewReader("1"), state)
		made, err := b.store.Put(b.ctx, b.bucket, objects.PutRequest{Key: "k", Content: objects.Content{Body: body, Size: 1}, Versioning: state})
		b.ok(err)
		b.holdsVersion("k", old.VersionID, "0")
		b.same(b.holdsVersion("k", "", "1").VersionID, made.VersionID)
		if made.VersionID == objects.NullVersion {
			b.Fatal("the new version is the null version")
		}
	},

	"EnabledKeepsAll": func(b *bench) {
		null := b.putVersion("k", "0", objects.Unversioned)
		one := b.putVersion("k", "1", objects.VersioningEnabled)
		two := b.putVersion("k", "2", objects.VersioningEnabled)
		if one.VersionID == two.VersionID || len(one.VersionID) != 32 || null.VersionID != objects.NullVersion {
			b.Fatalf("versions %s, %s and %s", null.VersionID, one.VersionID, two.VersionID)
		}
		b.holdsVersion("k", "", "2")
		b.holdsVersion("k", two.VersionID, "2")
		b.holdsVersion("k", one.VersionID, "1")
		b.holdsVersion("k", objects.NullVersion, "0")
		b.same(b.keys(), []string{"k"})

		deleted := b.deleteVersion("k", "", objects.VersioningEnabled)
		b.same(deleted.DeleteMarker, true)
		b.marked("k", "", deleted.VersionID)
		b.marked("k", deleted.VersionID, deleted.VersionID)
		b.same(b.keys(), []string{})
		b.holdsVersion("k", two.VersionID, "2")

		// The marker deleted, what was below it is back; so it goes on down.
		b.same(b.deleteVersion("k", deleted.VersionID, objects.VersioningEnabled), objects.Deleted{VersionID: deleted.VersionID, DeleteMarker: true})
		b.same(b.holdsVersion("k", "", "2").VersionID, two.VersionID)
		b.same(b.deleteVersion("k", two.VersionID, objects.VersioningEnabled), objects.Deleted{VersionID: two.VersionID})
		b.same(b.holdsVersion("k", "", "1").VersionID, one.VersionID)
		b.deleteVersion("k", one.VersionID, objects.VersioningEnabled)
		b.same(b.holdsVersion("k", "", "0").VersionID, objects.NullVersion)
		b.deleteVersion("k", objects.NullVersion, objects.VersioningEnabled)
		b.holdsNothing("k")
		b.ok(b.store.DeleteBucket(b.ctx, b.bucket))
	},

	"SuspendedReplacesNull": func(b *bench) {
		b.putVersion("k", "0", objects.Unversioned)
		one := b.putVersion("k", "1", objects.VersioningEnabled)
		b.same(b.putVersion("k", "2", objects.VersioningSuspended).VersionID, objects.NullVersion)
		b.holdsVersion("k", "", "2")
		b.holdsVersion("k", objects.NullVersion, "2")
		b.putVersion("k", "3", objects.VersioningSuspended)
		b.holdsVersion("k", objects.NullVersion, "3")
		deleted := b.deleteVersion("k", "", objects.VersioningSuspended)
		b.same(deleted, objects.Deleted{VersionID: objects.NullVersion, DeleteMarker: true})
		b.marked("k", objects.NullVersion, objects.NullVersion)
		b.holdsVersion("k", one.VersionID, "1")
		b.same(len(b.versions(objects.ListVersionsRequest{Max: 10}).Versions), 2)
	},

	"MarkersOfNothing": func(b *bench) {
		deleted := b.deleteVersion("k", "", objects.VersioningEnabled)
		again := b.deleteVersion("k", "", objects.VersioningEnabled)
		if !deleted.DeleteMarker || deleted.VersionID == again.VersionID {
			b.Fatalf("%+v and %+v", deleted, again)
		}
		b.fails(b.store.DeleteBucket(b.ctx, b.bucket), objects.ErrBucketNotEmpty)
		b.marked("k", "", again.VersionID)
		b.deleteVersion("k", again.VersionID, objects.VersioningEnabled)
		b.marked("k", "", deleted.VersionID)
		b.deleteVersion("k", deleted.VersionID, objects.VersioningEnabled)
		b.ok(b.store.DeleteBucket(b.ctx, b.bucket))
	},

	"NoSuchVersion": func(b *bench) {
		info := b.putVersion("k", "1", objects.VersioningEnabled)
		other := b.putVersion("l", "2", objects.VersioningEnabled)
		for _, id := range []string{other.VersionID, objects.NullVersion, "x", strings.Repeat("A", 32), strings.Repeat(".", 32), info.VersionID + "\n", info.VersionID[:31] + "/"} {
			_, err := b.store.Open(b.ctx, b.bucket, "k", id)
			b.fails(err, objects.ErrNoSuchVersion)
			_, err = b.store.SetTags(b.ctx, b.bucket, "k", id, nil)
			b.fails(err, objects.ErrNoSuchVersion)
			_, err = b.store.Delete(b.ctx, b.bucket, objects.DeleteRequest{Key: "k", VersionID: id, Versioning: objects.VersioningEnabled})
			b.fails(err, objects.ErrNoSuchVersion)
		}
		b.holdsVersion("k", info.VersionID, "1")
		_, err := b.store.Open(b.ctx, objects.Bucket{ID: "gone", Name: "gone"}, "k", info.VersionID)
		b.fails(err, objects.ErrNoSuchBucket)
	},

	"ConditionsSeeTheCurrent": func(b *bench) {
		b.putVersion("k", "1", objects.VersioningEnabled)
		put := func(c objects.Conditions) error {
			_, err := b.store.Put(b.ctx, b.bucket, objects.PutRequest{Key: "k", Content: text("2"), Versioning: objects.VersioningEnabled, Conditions: c})
			return err
		}
		b.fails(put(objects.Conditions{IfNoneMatch: true}), objects.ErrPreconditionFailed)
		b.deleteVersion("k", "", objects.VersioningEnabled)
		b.fails(put(objects.Conditions{IfMatch: md5Of([]byte("1"))}), objects.ErrNoSuchKey)
		b.ok(put(objects.Conditions{IfNoneMatch: true}))
		_, err := b.store.Delete(b.ctx, b.bucket, objects.DeleteRequest{
			Key: "k", Versioning: objects.VersioningEnabled, Conditions: objects.Conditions{IfMatch: md5Of([]byte("1"))},
		})
		b.fails(err, objects.ErrPreconditionFailed)
		b.holdsVersion("k", "", "2")
		b.same(len(b.versions(objects.ListVersionsRequest{Max: 10}).Versions), 3)
	},

	"DeletedWhileNoncurrentOrAsSeen": func(b *bench) {
		remove := func(info objects.Info, noncurrent bool) error {
			_, err := b.store.Delete(b.ctx, b.bucket, objects.DeleteRequest{
				Key: "k", VersionID: info.VersionID, Noncurrent: noncurrent, Conditions: objects.Conditions{Modified: info.Modified},
			})
			return err
		}
		one := b.putVersion("k", "1", objects.VersioningEnabled)
		b.fails(remove(one, true), objects.ErrPreconditionFailed)
		b.deleteVersion("k", "", objects.VersioningEnabled)
		marker := b.versions(objects.ListVersionsRequest{Max: 1}).Versions[0]
		b.fails(remove(marker, true), objects.ErrPreconditionFailed)
		b.ok(remove(one, true))
		other := marker
		other.Modified = other.Modified.Add(1)
		b.fails(remove(other, false), objects.ErrPreconditionFailed)
		b.ok(remove(marker, false))
		null := b.putVersion("k", "2", objects.VersioningSuspended)
		b.putVersion("k", "3", objects.VersioningSuspended)
		b.fails(remove(null, false), objects.ErrPreconditionFailed)
		b.holdsVersion("k", "", "3")
	},

	// Whoever empties a bucket deletes one page of versions before he asks for
	// the next.
	"PagesThatAreDeleted": func(b *bench) {
		for _, size := range []int{1, 2, 3} {
			for _, key := range []string{"j", "k", "l"} {
				b.putVersion(key, "null", objects.Unversioned)
				b.putVersion(key, "1", objects.VersioningEnabled)
				b.deleteVersion(key, "", objects.VersioningEnabled)
				b.putVersion(key, "2", objects.VersioningEnabled)
				b.putVersion(key, "3", objects.VersioningEnabled)
				b.deleteVersion(key, "", objects.VersioningEnabled)
				b.deleteVersion(key, "", objects.VersioningEnabled)
			}
			b.putVersion("k", "null", objects.VersioningSuspended)
			in, seen := objects.ListVersionsRequest{Max: size}, 0
			for {
				page := b.versions(in)
				for i, v := range page.Versions {
					b.same(v.IsLatest, i == 0 || page.Versions[i-1].Key != v.Key)
					b.deleteVersion(v.Key, v.VersionID, objects.VersioningEnabled)
					seen++
				}
				if !page.Truncated {
					break
				}
				in.KeyAfter, in.VersionAfter = page.NextKey, page.NextVersion
			}
			b.same(seen, 3*7)
			b.same(b.walkVersions(objects.ListVersionsRequest{Max: 100}), []string{})
		}
	},

	"CopiesAndUploads": func(b *bench) {
		one := b.putVersion("k", "1", objects.VersioningEnabled)
		b.putVersion("k", "2", objects.VersioningEnabled)
		source, err := b.store.Open(b.ctx, b.bucket, "k", one.VersionID)
		b.ok(err)
		defer source.Close()
		back, err := b.store.Copy(b.ctx, source, b.bucket, objects.CopyRequest{Key: "k", Versioning: objects.VersioningEnabled})
		b.ok(err)
		b.holdsVersion("k", "", "1")
		b.deleteVersion("k", one.VersionID, objects.VersioningEnabled)
		b.holdsVersion("k", back.VersionID, "1")

		u, err := b.store.CreateUpload(b.ctx, b.bucket, objects.UploadRequest{Key: "k"})
		b.ok(err)
		part, err := b.store.PutPart(b.ctx, b.bucket, "k", u.ID, 1, text("3"))
		b.ok(err)
		r := objects.CompleteRequest{Parts: []objects.CompletedPart{{Number: 1, ETag: part.ETag}}, Size: -1, Versioning: objects.VersioningEnabled}
		done, err := b.store.CompleteUpload(b.ctx, b.bucket, "k", u.ID, r)
		b.ok(err)
		again, err := b.store.CompleteUpload(b.ctx, b.bucket, "k", u.ID, r)
		b.ok(err)
		b.same(again.VersionID, done.VersionID)
		b.holdsVersion("k", done.VersionID, "3")
		b.holdsVersion("k", back.VersionID, "1")
	},

	"TagsOfOneVersion": func(b *bench) {
		one := b.putVersion("k", "1", objects.VersioningEnabled)
		b.putVersion("k", "2", objects.VersioningEnabled)
		info, err := b.store.SetTags(b.ctx, b.bucket, "k", one.VersionID, map[string]string{"a": "1"})
		b.ok(err)
		b.same(info.VersionID, one.VersionID)
		b.same(b.holdsVersion("k", one.VersionID, "1").Attributes.Tags, map[string]string{"a": "1"})
		b.same(len(b.holdsVersion("k", "", "2").Attributes.Tags), 0)
		marker := b.deleteVersion("k", "", objects.VersioningEnabled)
		var found *objects.DeleteMarkerError
		for _, id := range []string{"", marker.VersionID} {
			if _, err := b.store.SetTags(b.ctx, b.bucket, "k", id, nil); !errors.As(err, &found) {
				b.Fatalf("tags of a delete marker: %v", err)
			}
		}
	},

	"ACLOfOneVersion": func(b *bench) {
		one := b.putVersion("k", "1", objects.VersioningEnabled)
		b.putVersion("k", "2", objects.VersioningEnabled)
		info, err := b.store.SetACL(b.ctx, b.bucket, one, "x")
		b.ok(err)
		b.same(info.VersionID, one.VersionID)
		b.same(b.holdsVersion("k", one.VersionID, "1").Attributes.ACL, "x")
		b.same(b.holdsVersion("k", "", "2").Attributes.ACL, "")
		marker, err := b.store.Delete(b.ctx, b.bucket, objects.DeleteRequest{Key: "k", Versioning: objects.VersioningEnabled, OwnerID: "who deletes"})
		b.ok(err)
		b.same(b.versions(objects.ListVersionsRequest{Max: 1}).Versions[0].Attributes.OwnerID, "who deletes")
		for _, id := range []string{"", marker.VersionID} {
			var found *objects.DeleteMarkerError
			if _, err := b.store.SetACL(b.ctx, b.bucket, objects.Info{Key: "k", VersionID: id}, "x"); !errors.As(err, &found) {
				b.Fatalf("the ACL of a delete marker: %v", err)
			}
		}
	},

	"RequestsFromBeforeVersioning": func(b *bench) {
		one := b.putVersion("k", "1", objects.VersioningEnabled)
		b.putVersion("k", "2", objects.Unversioned)
		b.holdsVersion("k", one.VersionID, "1")
		b.deleteVersion("k", "", objects.Unversioned)
		b.holdsVersion("k", one.VersionID, "1")
		b.marked("k", "", objects.NullVersion)
	},

	"AsAModelKeeps": func(b *bench) {
		keys := []string{"a", "a/b", "a/c", "b", "\x00", "a\x00/b"}
		rapid.Check(b, func(t *rapid.T) {
			in := *b
			in.bucket = b.newBucket()
			m, state, n := model{}, objects.Unversioned, 0
			for range rapid.IntRange(1, 25).Draw(t, "steps") {
				if state == objects.Unversioned {
					state = rapid.SampledFrom([]objects.Versioning{objects.Unversioned, objects.VersioningEnabled, objects.VersioningSuspended}).Draw(t, "state")
				} else {
					state = rapid.SampledFrom([]objects.Versioning{objects.VersioningEnabled, objects.VersioningSuspended}).Draw(t, "state")
				}
				n++
				in.step(t, m, state, rapid.SampledFrom(keys).Draw(t, "key"), n)
			}
			in.agrees(m)
		})
	},

	"VersionsWhileTheyMove": func(b *bench) {
		const key = "k"
		stays := b.putVersion(key, "stays", objects.VersioningEnabled)
		var writing sync.WaitGroup
		for range 4 {
			writing.Go(func() {
				for i := range 50 {
					var err error
					if info, e := b.store.Put(b.ctx, b.bucket, objects.PutRequest{Key: key, Content: text("x"), Versioning: objects.VersioningEnabled}); e != nil {
						err = e
					} else if i%2 == 0 {
						_, err = b.store.Delete(b.ctx, b.bucket, objects.DeleteRequest{Key: key, VersionID: info.VersionID})
					} else {
						_, err = b.store.Delete(b.ctx, b.bucket, objects.DeleteRequest{Key: key, Versioning: objects.VersioningEnabled})
					}
					if err != nil {
						b.Error(err)
					}
				}
			})
		}
		for range 200 {
			b.holdsVersion(key, stays.VersionID, "stays")
		}
		writing.Wait()
		b.holdsVersion(key, stays.VersionID, "stays")
		b.same(len(b.versions(objects.ListVersionsRequest{Max: 1000}).Versions), 1+4*25*2)
	},
}

func (b *bench) step(t *rapid.T, m model, state objects.Versioning, key string, n int) {
	data := fmt.Sprint(n)
	switch rapid.IntRange(0, 5).Draw(t, "op") {
	case 0, 1, 2:
		info := b.putVersion(key, data, state)
		m.push(state, kept{key: key, id: info.VersionID, data: data})
	case 3:
		deleted := b.deleteVersion(key, "", state)
		if state == objects.Unversioned {
			delete(m, key)
			return
		}
		m.push(state, kept{key: key, id: deleted.VersionID, marker: true})
	case 4:
		if all := m.all(); len(all) > 0 {
			gone := rapid.SampledFrom(all).Draw(t, "gone")
			b.same(b.deleteVersion(gone.key, gone.id, state), objects.Deleted{VersionID: gone.id, DeleteMarker: gone.marker})
			m.delete(gone.key, gone.id)
		}
	case 5:
		for i, v := range m[key] {
			if !v.marker && rapid.Bool().Draw(t, "tag") {
				_, err := b.store.SetTags(b.ctx, b.bucket, key, v.id, map[string]string{"t": data})
				b.ok(err)
				m[key][i].tag = data
			}
		}
	}
}

// agrees checks that the store keeps what the model does.
func (b *bench) agrees(m model) {
	b.Helper()
	var current []string
	for key, versions := range m {
		for i, v := range versions {
			if v.marker {
				b.marked(key, v.id, v.id)
				continue
			}
			b.same(b.holdsVersion(key, v.id, v.data).Attributes.Tags["t"], v.tag)
			if i == 0 {
				b.same(b.holdsVersion(key, "", v.data).VersionID, v.id)
				current = append(current, key)
			}
		}
	}
	slices.Sort(current)
	if listed := b.keys(); !slices.Equal(listed, current) {
		b.Fatalf("listed %q, want %q", listed, current)
	}
	for _, prefix := range []string{"", "a", "a/", "\x00"} {
		for _, delimiter := range []string{"", "/", "\x00"} {
			want := m.page(prefix, delimiter)
			for _, size := range []int{1, 2, 3, 1000} {
				b.same(b.walkVersions(objects.ListVersionsRequest{Prefix: prefix, Delimiter: delimiter, Max: size}), want)
			}
		}
	}
}

// page returns what a listing of versions shows, a line each.
func (m model) page(prefix, delimiter string) []string {
	lines := []string{}
	latest := map[string]bool{}
	for _, v := range m.all() {
		if !strings.HasPrefix(v.key, prefix) {
			continue
		}
		if i := strings.Index(v.key[len(prefix):], delimiter); delimiter != "" && i >= 0 {
			line := fmt.Sprintf("%q", v.key[:len(prefix)+i+len(delimiter)])
			if !slices.Contains(lines, line) {
				lines = append(lines, line)
			}
			continue
		}
		lines = append(lines, fmt.Sprintf("%q %s %v %v %d", v.key, v.id, v.marker, !latest[v.key], len(v.data)))
		latest[v.key] = true
	}
	slices.SortStableFunc(lines, func(a, b string) int { return strings.Compare(nameOf(a), nameOf(b)) })
	return lines
}

func nameOf(line string) string {
	name, _, _ := strings.Cut(line[1:], "\"")
	return strings.NewReplacer(`\x00`, "\x00").Replace(name)
}

func (b *bench) versions(r objects.ListVersionsRequest) objects.VersionsPage {
	b.Helper()
	page, err := b.store.ListVersions(b.ctx, b.bucket, r)
	b.ok(err)
	return page
}

// walkVersions lists page by page.
func (b *bench) walkVersions(r objects.ListVersionsRequest) []string {
	b.Helper()
	lines := []string{}
	for {
		page := b.versions(r)
		if n := len(page.Versions) + len(page.Prefixes); n > r.Max || page.Truncated && n < r.Max {
			b.Fatalf("a page of %d, at most %d, truncated %v", n, r.Max, page.Truncated)
		}
		for _, v := range page.Versions {
			lines = append(lines, fmt.Sprintf("%q %s %v %v %d", v.Key, v.VersionID, v.DeleteMarker, v.IsLatest, v.Size))
		}
		for _, p := range page.Prefixes {
			lines = append(lines, fmt.Sprintf("%q", p))
		}
		if !page.Truncated {
			break
		}
		r.KeyAfter, r.VersionAfter = page.NextKey, page.NextVersion
	}
	slices.SortStableFunc(lines, func(a, b string) int { return strings.Compare(nameOf(a), nameOf(b)) })
	return lines
}
