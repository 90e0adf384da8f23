package disk

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"github.com/keywright/keywright/internal/objects"
)

// keyChange is a change to what one key holds. The key is locked.
type keyChange struct {
	store   *Store
	bucket  objects.Bucket
	key     string
	at      []byte        // the object's row
	current *objectRecord // what the row holds; nil for nothing or a delete marker
	changes *changes
	dying   *objectRecord // whose content has one object less, or nil
	bypass  bool          // whether it may do away with a retention in Governance mode
}

// change calls f with a key, to which nothing else happens meanwhile, nor to its
// bucket.
func (s *Store) change(b objects.Bucket, key string, f func(*keyChange) error) error {
	bucket := s.buckets.of(b.ID)
	bucket.RLock()
	defer bucket.RUnlock()
	if err := s.checkBucket(b); err != nil {
		return err
	}
	at := objectRow(b.ID, key)
	defer s.keys.lock(string(at))()
	current, err := s.object(at)
	if err != nil {
		return err
	}
	return f(&keyChange{store: s, bucket: b, key: key, at: at, current: current, changes: s.index.change()})
}

// push puts a new version, an object or a delete marker, on top of those that
// the key has, and gives it its id.
func (k *keyChange) push(made *objectRecord, v objects.Versioning) error {
	made.null = v != objects.VersioningEnabled
	made.version = versionID{}
	newest, err := k.retire(v)
	if err != nil {
		return err
	}
	if !made.isMarker {
		if !made.null {
			made.version = newVersionID(k.store.now(), newest)
		}
		k.changes.set(k.at, made.encode())
		return nil
	}
	made.version = newVersionID(k.store.now(), newest)
	k.setOlder(made)
	if k.current != nil {
		k.changes.delete(k.at)
	}
	return nil
}

// keeps returns what becomes of what the key holds. A key that has versions keeps
// them, also from a request that began before the bucket kept any.
func (k *keyChange) keeps(at objects.Versioner) (v objects.Versioning, err error) {
	if at != nil {
		v = at.Versioning()
	}
	if v != objects.Unversioned {
		return v, nil
	}
	newest, err := k.newestOlder()
	if newest != (versionID{}) || k.current != nil && !k.current.null {
		v = objects.VersioningSuspended
	}
	return v, err
}

// retire takes from the top what the key holds, and for ever what a null version
// takes the place of. It returns the newest version that is kept.
func (k *keyChange) retire(v objects.Versioning) (newest versionID, err error) {
	if v == objects.Unversioned {
		k.dying = k.current
		return newest, nil
	}
	replacesNull := v == objects.VersioningSuspended
	switch {
	case k.current != nil && k.current.null && replacesNull:
		k.dying = k.current
		return k.newestOlder()
	case k.current != nil && k.current.null:
		if newest, err = k.newestOlder(); err != nil {
			return newest, err
		}
		old := *k.current
		old.version = newVersionID(old.modified, newest)
		k.setOlder(&old)
		return old.version, nil
	case k.current != nil:
		k.setOlder(k.current)
		newest = k.current.version
	default:
		if newest, err = k.newestOlder(); err != nil {
			return newest, err
		}
	}
	if replacesNull {
		err = k.removeNull()
	}
	return newest, err
}

// setOlder puts a version into the space of the older ones.
func (k *keyChange) setOlder(o *objectRecord) {
	k.changes.set(versionRow(k.bucket.ID, k.key, o.version), o.encode())
	if o.null {
		k.changes.set(nullRow(k.bucket.ID, k.key), o.version[:])
	}
}

// deleteOlder takes a version out of it.
func (k *keyChange) deleteOlder(o *objectRecord) {
	k.changes.delete(versionRow(k.bucket.ID, k.key, o.version))
	if o.null {
		k.changes.delete(nullRow(k.bucket.ID, k.key))
	}
}

// removeNull removes the null version from the older ones.
func (k *keyChange) removeNull() error {
	old, err := k.store.older(k.store.index, k.bucket, k.key, objects.NullVersion)
	if err != nil || old == nil {
		return err
	}
	k.deleteOlder(old)
	k.remove(old)
	return nil
}

// remove has the content of a version counted as of one object less.
func (k *keyChange) remove(o *objectRecord) {
	if !o.isMarker {
		k.dying = o
	}
}

// newestOlder returns the id of the newest of the older versions, zero when
// there is none.
func (k *keyChange) newestOlder() (versionID, error) {
	o, err := k.firstOlder(nil)
	if err != nil || o == nil {
		return versionID{}, err
	}
	return o.version, nil
}

// firstOlder returns the newest of the older versions but for one, or nil.
func (k *keyChange) firstOlder(but *objectRecord) (found *objectRecord, err error) {
	rows := versionRows(k.bucket.ID, k.key)
	err = k.store.index.view(func(r pebble.Reader) error {
		return each(r, rows, successor(rows), func(_, value []byte) error {
			o, err := decodeObject(value)
			if err != nil {
				return err
			}
			if but != nil && o.version == but.version {
				return nil
			}
			found = o
			return errEnough
		})
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return found, err
}

// commit makes the change, and removes the content that nothing is made of any
// more. made is the new object, or nil when there is none.
func (k *keyChange) commit(ctx context.Context, shares *id, made *objectRecord) error {
	s := k.store
	if k.dying != nil {
		if err := k.dying.attributes.Lock.Check(s.now(), k.bypass); err != nil {
			return fmt.Errorf("disk: %w", err)
		}
	}
	dead, unlock, err := s.settle(k.changes, shares, k.dying, made)
	defer unlock()
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := s.index.durable(k.changes); err != nil {
		return &uncertainError{err}
	}
	if dead {
		s.cleaner.removeContent(k.dying.content)
	}
	return nil
}

// Delete implements objects.ObjectStore.
func (s *Store) Delete(ctx context.Context, b objects.Bucket, r objects.DeleteRequest) (deleted objects.Deleted, err error) {
	err = s.change(b, r.Key, func(k *keyChange) error {
		k.bypass = r.BypassGovernance
		if r.VersionID != "" {
			deleted, err = k.deleteVersion(ctx, r)
			return err
		}
		if err := check(r.Conditions, k.current); err != nil {
			return err
		}
		v, err := k.keeps(r.Versioning)
		if err != nil {
			return err
		}
		if v == objects.Unversioned {
			return k.deleteCurrent(ctx)
		}
		marker := &objectRecord{isMarker: true, modified: s.modified(), attributes: objects.Attributes{OwnerID: r.OwnerID}}
		if err := k.push(marker, v); err != nil {
			return err
		}
		deleted = objects.Deleted{VersionID: marker.versionID(), DeleteMarker: true}
		return k.commit(ctx, nil, nil)
	})
	if err != nil {
		return objects.Deleted{}, err
	}
	return deleted, nil
}

// deleteCurrent deletes what the key holds for ever.
func (k *keyChange) deleteCurrent(ctx context.Context) error {
	if k.current == nil {
		return nil
	}
	k.changes.delete(k.at)
	k.dying = k.current
	if err := k.promote(nil); err != nil {
		return err
	}
	return k.commit(ctx, nil, nil)
}

// deleteVersion deletes a version for ever. One below it becomes what the key
// holds, if it was the newest.
func (k *keyChange) deleteVersion(ctx context.Context, r objects.DeleteRequest) (objects.Deleted, error) {
	found, err := k.store.version(k.store.index, k.bucket, k.key, r.VersionID)
	if err != nil {
		return objects.Deleted{}, err
	}
	if found == nil {
		return objects.Deleted{}, fmt.Errorf("disk: %w", objects.ErrNoSuchVersion)
	}
	checked := found
	if found.isMarker && r.Conditions.Modified.IsZero() {
		checked = nil
	}
	if err := check(r.Conditions, checked); err != nil {
		return objects.Deleted{}, err
	}
	if r.Noncurrent {
		if newest, err := k.isNewest(found); newest || err != nil {
			return objects.Deleted{}, errors.Join(err, fmt.Errorf("disk: %w: the version is the newest", objects.ErrPreconditionFailed))
		}
	}
	deleted := objects.Deleted{VersionID: r.VersionID, DeleteMarker: found.isMarker}
	if k.current != nil && found.versionID() == k.current.versionID() {
		return deleted, k.deleteCurrent(ctx)
	}
	k.deleteOlder(found)
	k.remove(found)
	if k.current == nil {
		if err := k.promote(found); err != nil {
			return objects.Deleted{}, err
		}
	}
	return deleted, k.commit(ctx, nil, nil)
}

// isNewest reports whether no version of the key is newer than one that it has.
func (k *keyChange) isNewest(o *objectRecord) (bool, error) {
	if k.current != nil {
		return k.current.versionID() == o.versionID(), nil
	}
	newest, err := k.newestOlder()
	return newest == o.version, err
}

// promote makes an object of the newest of the older versions, but for one that
// is deleted, unless it is a delete marker.
func (k *keyChange) promote(deleted *objectRecord) error {
	next, err := k.firstOlder(deleted)
	if err != nil || next == nil || next.isMarker {
		return err
	}
	k.deleteOlder(next)
	if next.null {
		next.version = versionID{}
	}
	k.changes.set(k.at, next.encode())
	return nil
}

// SetTags implements objects.ObjectStore.
func (s *Store) SetTags(ctx context.Context, b objects.Bucket, key, versionID string, tags map[string]string) (objects.Info, error) {
	return s.setAttributes(ctx, b, key, versionID, func(a *objects.Attributes) error {
		a.Tags = tags
		return nil
	})
}

// SetACL implements objects.ObjectStore.
func (s *Store) SetACL(ctx context.Context, b objects.Bucket, seen objects.Info, acl string) (objects.Info, error) {
	return s.setRecord(ctx, b, seen.Key, seen.VersionID, func(o *objectRecord) error {
		a := &o.attributes
		if !o.modified.Equal(seen.Modified) || a.OwnerID != seen.Attributes.OwnerID || a.ACL != seen.Attributes.ACL {
			return fmt.Errorf("%w: the object or its ACL is another", objects.ErrPreconditionFailed)
		}
		a.ACL = acl
		return nil
	})
}

// SetLock implements objects.ObjectStore.
func (s *Store) SetLock(ctx context.Context, b objects.Bucket, key, versionID string, c objects.LockChange) (objects.Info, error) {
	return s.setAttributes(ctx, b, key, versionID, func(a *objects.Attributes) (err error) {
		a.Lock, err = a.Lock.Change(c, s.now())
		return err
	})
}

// setAttributes changes the attributes of a version and nothing else of it.
func (s *Store) setAttributes(ctx context.Context, b objects.Bucket, key, versionID string, set func(*objects.Attributes) error) (objects.Info, error) {
	return s.setRecord(ctx, b, key, versionID, func(o *objectRecord) error { return set(&o.attributes) })
}

// setRecord is setAttributes for what depends on the rest of the record.
func (s *Store) setRecord(ctx context.Context, b objects.Bucket, key, versionID string, set func(*objectRecord) error) (info objects.Info, err error) {
	err = s.change(b, key, func(k *keyChange) error {
		found, err := s.version(s.index, b, key, versionID)
		if err == nil {
			found, err = s.found(found, b, key, versionID)
		}
		if err != nil {
			return err
		}
		made := *found
		if err := set(&made); err != nil {
			return fmt.Errorf("disk: %w", err)
		}
		if info, err = s.infoWithParts(b, key, &made); err != nil {
			return err
		}
		if k.current != nil && k.current.versionID() == made.versionID() {
			k.changes.set(k.at, made.encode())
		} else {
			k.changes.set(versionRow(b.ID, key, made.version), made.encode())
		}
		return k.commit(ctx, nil, nil)
	})
	if err != nil {
		return objects.Info{}, err
	}
	return info, nil
}

// getter reads one row; its result is nil when there is none.
type getter interface {
	get(key []byte) ([]byte, error)
}

// found returns what was found under a version's id, "" for the current one,
// or fails as objects.ObjectStore's Open does when that is no object.
func (s *Store) found(record *objectRecord, b objects.Bucket, key, id string) (*objectRecord, error) {
	switch {
	case record == nil && id == "":
		return nil, s.nothing(b, key)
	case record == nil:
		if err := s.checkBucket(b); err != nil {
			return nil, err
		}
		return nil, fmt.Errorf("disk: %w", objects.ErrNoSuchVersion)
	case record.isMarker:
		return nil, &objects.DeleteMarkerError{VersionID: record.versionID(), Modified: record.modified, Named: true}
	}
	return record, nil
}

// nothing returns the error for a key that holds no object.
func (s *Store) nothing(b objects.Bucket, key string) error {
	if err := s.checkBucket(b); err != nil {
		return err
	}
	k := keyChange{store: s, bucket: b, key: key}
	newest, err := k.firstOlder(nil)
	if err != nil {
		return err
	}
	if newest != nil && newest.isMarker {
		return &objects.DeleteMarkerError{VersionID: newest.versionID(), Modified: newest.modified}
	}
	return fmt.Errorf("disk: %w", objects.ErrNoSuchKey)
}

// version returns a version, the current one when its id is "", or nil when
// there is none.
func (s *Store) version(rows getter, b objects.Bucket, key, id string) (*objectRecord, error) {
	value, err := rows.get(objectRow(b.ID, key))
	if err != nil {
		return nil, err
	}
	if value != nil {
		current, err := decodeObject(value)
		if err != nil || id == "" || current.versionID() == id {
			return current, err
		}
	}
	if id == "" {
		return nil, nil
	}
	return s.older(rows, b, key, id)
}

// older returns one of the older versions, or nil when there is none of that id.
func (s *Store) older(rows getter, b objects.Bucket, key, id string) (*objectRecord, error) {
	v, ok, err := s.placeOf(rows, b, key, id)
	if err != nil || !ok {
		return nil, err
	}
	value, err := rows.get(versionRow(b.ID, key, v))
	if err != nil || value == nil {
		return nil, err
	}
	o, err := decodeObject(value)
	if err == nil && o.versionID() != id {
		return nil, nil // the place of the null version is no id
	}
	return o, err
}

// placeOf returns where a version would stand among the older ones. The second
// result is false when there can be none.
func (s *Store) placeOf(rows getter, b objects.Bucket, key, id string) (v versionID, ok bool, err error) {
	if id != objects.NullVersion {
		v, ok = parseVersionID(id)
		return v, ok, nil
	}
	value, err := rows.get(nullRow(b.ID, key))
	if err != nil || value == nil {
		return v, false, err
	}
	if len(value) != len(v) {
		return v, false, damaged(fmt.Errorf("a null version's place of %d bytes", len(value)))
	}
	return versionID(value), true, nil
}

// ListVersions implements objects.Lister.
func (s *Store) ListVersions(ctx context.Context, b objects.Bucket, r objects.ListVersionsRequest) (objects.VersionsPage, error) {
	if err := errors.Join(ctx.Err(), s.checkBucket(b)); err != nil {
		return objects.VersionsPage{}, err
	}
	l := versionListing{ctx: ctx, request: r, objects: rowsOf(objectSpace, b.ID), versions: rowsOf(versionSpace, b.ID)}
	if r.Max <= 0 {
		return l.page, nil
	}
	err := s.index.snapshot(func(at snapshot) error {
		if err := l.start(s, at, b); err != nil {
			return err
		}
		newest, err := at.rows(l.objects, r.Prefix)
		if err != nil {
			return err
		}
		older, err := at.rows(l.versions, r.Prefix)
		if err != nil {
			return errors.Join(err, newest.Close())
		}
		return errors.Join(l.merge(newest, older), newest.Close(), older.Close())
	})
	if err != nil {
		return objects.VersionsPage{}, err
	}
	return l.page, nil
}

// versionListing passes over the objects of a bucket and their older versions
// together, in the order of their keys.
type versionListing struct {
	ctx     context.Context
	request objects.ListVersionsRequest
	page    objects.VersionsPage

	objects, versions   []byte // what the rows of each space begin with
	objectAt, versionAt []byte // the first rows that count
	resumed             string // the key whose newest version is on an earlier page
	lastKey, last       string
}

// start finds where the page begins.
func (l *versionListing) start(s *Store, at snapshot, b objects.Bucket) error {
	r := l.request
	if r.KeyAfter == "" {
		l.objectAt, l.versionAt = l.objects, l.versions
		return nil
	}
	l.objectAt, l.versionAt = past(l.objects, r.KeyAfter), past(l.versions, r.KeyAfter)
	if r.VersionAfter == "" {
		return nil
	}
	current, err := s.version(at, b, r.KeyAfter, "")
	if err != nil {
		return err
	}
	rows := versionRows(b.ID, r.KeyAfter)
	if current != nil && current.versionID() == r.VersionAfter {
		l.versionAt, l.resumed = rows, r.KeyAfter
		return nil
	}
	v, ok, err := s.placeOf(at, b, r.KeyAfter, r.VersionAfter)
	switch {
	case err != nil:
		return err
	case !ok && r.VersionAfter == objects.NullVersion: // it was deleted, and its place with it
		l.objectAt, l.versionAt = objectRow(b.ID, r.KeyAfter), rows
		return nil
	case !ok:
		return nil
	}
	l.versionAt = append(versionRow(b.ID, r.KeyAfter, v), 0)
	if current == nil {
		var newer []byte
		if err = first(at.reader, rows, l.versionAt, &newer); newer != nil {
			l.resumed = r.KeyAfter
		}
		return err
	}
	there, err := at.get(versionRow(b.ID, r.KeyAfter, v))
	if err != nil {
		return err
	}
	if there != nil || !current.isOlder(v) {
		l.resumed = r.KeyAfter
		return nil
	}
	// It was deleted, with all that was newer: an older one took its place.
	l.objectAt, l.versionAt = objectRow(b.ID, r.KeyAfter), rows
	return nil
}

// isOlder reports whether a current version was made before a deleted one.
func (o *objectRecord) isOlder(v versionID) bool {
	if o.null {
		return uint64(o.modified.UnixNano()) < binary.BigEndian.Uint64(v[:8])
	}
	return bytes.Compare(o.version[:], v[:]) < 0
}

func (l *versionListing) merge(newest, older *pebble.Iterator) error {
	newest.SeekGE(l.objectAt)
	older.SeekGE(l.versionAt)
	for {
		name, isObject, err := l.next(newest, older)
		if err != nil || name == nil {
			return err
		}
		if common := commonPrefixOf(*name, l.request.Prefix, l.request.Delimiter); common != "" {
			if more, err := l.addPrefix(common); more || err != nil {
				return err
			}
			newest.SeekGE(successor(appendEscaped(bytes.Clone(l.objects), common)))
			older.SeekGE(successor(appendEscaped(bytes.Clone(l.versions), common)))
			continue
		}
		from := older
		if isObject {
			from = newest
		}
		if more, err := l.addVersion(*name, from, isObject); more || err != nil {
			return err
		}
		from.Next()
	}
}

// next returns the key of the row that comes next, and whether it is an
// object's; nil at the end.
func (l *versionListing) next(newest, older *pebble.Iterator) (name *string, isObject bool, err error) {
	object, err := nameAt(newest, l.objects)
	if err != nil {
		return nil, false, err
	}
	version, err := nameAt(older, l.versions)
	if err != nil {
		return nil, false, err
	}
	if object != nil && (version == nil || *object <= *version) {
		return object, true, nil
	}
	return version, false, nil
}

// nameAt returns the key that an iterator's row is of, or nil at its end.
func nameAt(rows *pebble.Iterator, prefix []byte) (*string, error) {
	if !rows.Valid() {
		return nil, rows.Error()
	}
	name, _, ok := cutName(rows.Key()[len(prefix):])
	if !ok {
		return nil, damaged(errors.New("a row's key is malformed"))
	}
	return &name, nil
}

// full reports whether the page has all that it may, and ends it if so.
func (l *versionListing) full() bool {
	if len(l.page.Versions)+len(l.page.Prefixes) < l.request.Max {
		return false
	}
	l.page.Truncated, l.page.NextKey, l.page.NextVersion = true, l.lastKey, l.last
	return true
}

func (l *versionListing) addPrefix(common string) (more bool, err error) {
	if common <= l.request.KeyAfter {
		return false, l.ctx.Err()
	}
	if l.full() {
		return true, nil
	}
	l.page.Prefixes = append(l.page.Prefixes, common)
	l.lastKey, l.last = common, ""
	return false, l.ctx.Err()
}

func (l *versionListing) addVersion(name string, from *pebble.Iterator, isObject bool) (more bool, err error) {
	if l.full() {
		return true, nil
	}
	value, err := from.ValueAndErr()
	if err != nil {
		return false, err
	}
	record, err := decodeObject(value)
	if err != nil {
		return false, err
	}
	info := record.info(name)
	info.IsLatest = isObject || name != l.resumed && (l.last == "" || l.lastKey != name)
	l.page.Versions = append(l.page.Versions, info)
	l.lastKey, l.last = name, info.VersionID
	return false, l.ctx.Err()
}
