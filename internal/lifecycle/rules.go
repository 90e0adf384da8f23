package lifecycle

import (
	"math"
	"strings"
	"time"

	"github.com/keywright/keywright/internal/objects"
)

// Day is how long a day of a rule is.
const Day = 24 * time.Hour

// after returns when what began at a time is due that is so after a number of
// days: at the midnight that follows ("Setting lifecycle configuration on a
// bucket").
func after(begun time.Time, days int, day time.Duration) time.Time {
	at := begun.UTC()
	for most := int(math.MaxInt64 / day); days > 0; days -= most { // as long as a Duration can be
		at = at.Add(time.Duration(min(days, most)) * day)
	}
	if whole := at.Truncate(day); !whole.Equal(at) {
		return whole.Add(day)
	}
	return at
}

// isAbout reports whether an enabled rule is about an object, but for its tags.
func (r *Rule) isAbout(o *objects.Info) bool {
	if r.Status != enabled || !strings.HasPrefix(o.Key, r.prefix()) {
		return false
	}
	if r.Filter == nil || o.DeleteMarker {
		return true
	}
	c := r.Filter.all()
	return (c.ObjectSizeGreaterThan == nil || o.Size > *c.ObjectSizeGreaterThan) &&
		(c.ObjectSizeLessThan == nil || o.Size < *c.ObjectSizeLessThan)
}

func (r *Rule) hasTags(tags map[string]string) bool {
	for _, t := range r.tags() {
		if v, ok := tags[t.Key]; !ok || v != t.Value {
			return false
		}
	}
	return true
}

// expires returns when the rule ends a current version, and false for never.
func (r *Rule) expires(o *objects.Info, day time.Duration) (time.Time, bool) {
	e := r.Expiration
	switch {
	case e == nil || o.DeleteMarker || !r.isAbout(o):
		return time.Time{}, false
	case e.Days != nil:
		return after(o.Modified, *e.Days, day), true
	case e.Date != nil:
		at, err := time.Parse(time.RFC3339, *e.Date)
		return at, err == nil
	}
	return time.Time{}, false
}

// Expiration returns when, and by the ID of which rule, a current version will
// expire, as x-amz-expiration tells it. The last result is false for never.
func (c *Configuration) Expiration(o objects.Info, day time.Duration) (at time.Time, id string, ok bool) {
	for i := range c.Rules {
		r := &c.Rules[i]
		if !r.hasTags(o.Attributes.Tags) {
			continue
		}
		if t, due := r.expires(&o, day); due && (!ok || t.Before(at)) {
			at, id, ok = t, r.ID, true
		}
	}
	return at, id, ok
}

// endsMarker reports whether the rule removes a delete marker under which there
// is no version any more.
func (r *Rule) endsMarker(o *objects.Info, day time.Duration, now time.Time) bool {
	e := r.Expiration
	if e == nil || len(r.tags()) > 0 || r.isSized() || !r.isAbout(o) {
		return false
	}
	if e.ExpiredObjectDeleteMarker != nil {
		return *e.ExpiredObjectDeleteMarker
	}
	return e.Days != nil && !now.Before(after(o.Modified, *e.Days, day))
}

// endsNoncurrent reports whether the rule ends a version that has not been
// current since a time, with so many newer ones that are not either.
func (r *Rule) endsNoncurrent(o *objects.Info, since time.Time, newer int, day time.Duration, now time.Time) bool {
	n := r.NoncurrentVersionExpiration
	if n == nil || !r.isAbout(o) || o.DeleteMarker && (len(r.tags()) > 0 || r.isSized()) {
		return false
	}
	if n.NewerNoncurrentVersions != nil && newer < *n.NewerNoncurrentVersions {
		return false
	}
	return !now.Before(after(since, *n.NoncurrentDays, day))
}

// Abortion returns when an upload ends that nobody completes, and the rule that
// ends it, as x-amz-abort-date and x-amz-abort-rule-id tell. The last result is
// false for never.
func (c *Configuration) Abortion(u *objects.Upload, day time.Duration) (at time.Time, id string, ok bool) {
	for i := range c.Rules {
		if t, due := c.Rules[i].aborts(u, day); due && (!ok || t.Before(at)) {
			at, id, ok = t, c.Rules[i].ID, true
		}
	}
	return at, id, ok
}

// aborts returns when the rule ends an upload, and false for never.
func (r *Rule) aborts(u *objects.Upload, day time.Duration) (time.Time, bool) {
	a := r.AbortIncompleteMultipartUpload
	if a == nil || r.Status != enabled || !strings.HasPrefix(u.Key, r.prefix()) {
		return time.Time{}, false
	}
	return after(u.Initiated, *a.DaysAfterInitiation, day), true
}

// endsUpload reports whether the rule ends an upload.
func (r *Rule) endsUpload(u *objects.Upload, day time.Duration, now time.Time) bool {
	at, ok := r.aborts(u, day)
	return ok && !now.Before(at)
}
