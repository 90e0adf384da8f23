package disk

import (
	"bytes"
	"context"
	"errors"
	"strings"

	"github.com/cockroachdb/pebble/v2"

	"github.com/keywright/keywright/internal/objects"
)

// scan passes over the rows of a bucket in the order of their keys, and passes
// what is rolled up into a common prefix in one step.
type scan struct {
	rows      []byte // what the rows begin with
	start     []byte // the first row that counts
	prefix    string
	delimiter string
	after     string // common prefixes that are not greater do not count
	max       int
}

// entry is one entry of a listing: a row, or a common prefix.
type entry struct {
	name   string
	common bool
	suffix []byte // what follows the name in the row's key
	value  []byte
}

// run calls emit with at most s.max entries, whose bytes are its only until it
// returns, and reports whether there are more.
func (s scan) run(x *index, emit func(entry) error) (more bool, err error) {
	if s.max <= 0 {
		return false, nil
	}
	lower := appendEscaped(bytes.Clone(s.rows), s.prefix)
	err = x.view(func(r pebble.Reader) error {
		rows, err := r.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: successor(lower)})
		if err != nil {
			return err
		}
		more, err = s.pass(rows, emit)
		return errors.Join(err, rows.Close())
	})
	return more, err
}

func (s scan) pass(rows *pebble.Iterator, emit func(entry) error) (more bool, err error) {
	emitted := 0
	for ok := rows.SeekGE(s.start); ok; {
		e, err := s.entry(rows)
		if err != nil {
			return false, err
		}
		if counts := !e.common || e.name > s.after; counts {
			if emitted == s.max {
				return true, nil
			}
			if err := emit(e); err != nil {
				return false, err
			}
			emitted++
		}
		if e.common {
			ok = rows.SeekGE(successor(appendEscaped(bytes.Clone(s.rows), e.name)))
		} else {
			ok = rows.Next()
		}
	}
	return false, nil
}

func (s scan) entry(rows *pebble.Iterator) (entry, error) {
	name, suffix, ok := cutName(rows.Key()[len(s.rows):])
	if !ok {
		return entry{}, damaged(errors.New("a row's key is malformed"))
	}
	if common := commonPrefixOf(name, s.prefix, s.delimiter); common != "" {
		return entry{name: common, common: true}, nil
	}
	value, err := rows.ValueAndErr()
	return entry{name: name, suffix: suffix, value: value}, err
}

// commonPrefixOf returns the common prefix that a name with a prefix is rolled up
// into, or "" when it is not.
func commonPrefixOf(name, prefix, delimiter string) string {
	if delimiter == "" {
		return ""
	}
	i := strings.Index(name[len(prefix):], delimiter)
	if i < 0 {
		return ""
	}
	return name[:len(prefix)+i+len(delimiter)]
}

// first sets key to the first key from lower up to upper, if there is one.
func first(r pebble.Reader, lower, upper []byte, key *[]byte) error {
	rows, err := r.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: upper})
	if err != nil {
		return err
	}
	if rows.First() {
		*key = bytes.Clone(rows.Key())
	}
	return errors.Join(rows.Error(), rows.Close())
}

// past returns the first key after all rows of a terminated name.
func past(rows []byte, name string) []byte {
	return append(appendEscaped(bytes.Clone(rows), name), pastEverySame...)
}

// List implements objects.Lister.
func (s *Store) List(ctx context.Context, b objects.Bucket, r objects.ListRequest) (objects.ListPage, error) {
	var page objects.ListPage
	if err := errors.Join(ctx.Err(), s.checkBucket(b)); err != nil {
		return page, err
	}
	rows := rowsOf(objectSpace, b.ID)
	all := scan{rows: rows, start: rows, prefix: r.Prefix, delimiter: r.Delimiter, after: r.After, max: r.Max}
	if r.After != "" {
		all.start = past(rows, r.After)
	}
	var last string
	more, err := all.run(s.index, func(e entry) error {
		last = e.name
		if e.common {
			page.Prefixes = append(page.Prefixes, e.name)
			return ctx.Err()
		}
		record, err := decodeObject(e.value)
		if err != nil {
			return err
		}
		page.Objects = append(page.Objects, record.info(e.name))
		return ctx.Err()
	})
	if err != nil {
		return objects.ListPage{}, err
	}
	if page.Truncated = more; more {
		page.Next = last
	}
	return page, nil
}
