package query_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/keywright/keywright/internal/awserr"
	"github.com/keywright/keywright/internal/query"
)

func itself(s string) string { return s }

// TestPaginate walks a list that changes between pages: what stays in it the
// whole time is seen exactly once and in order.
func TestPaginate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-c]{1,4}`), 0, 20, itself)
		kept, passing := names.Draw(t, "kept"), names.Draw(t, "passing")
		passing = slices.DeleteFunc(passing, func(s string) bool { return slices.Contains(kept, s) })
		var seen []string
		p := query.Paging{MaxItems: rapid.IntRange(1, 7).Draw(t, "max")}
		for {
			items := kept
			if rapid.Bool().Draw(t, "with") {
				items = slices.Concat(passing, kept)
			}
			page, more, err := query.Paginate(items, itself, p)
			if err != nil {
				t.Fatal(err)
			}
			if len(page) > p.MaxItems || more.IsTruncated != (more.Marker != "") || more.IsTruncated && len(page) != p.MaxItems {
				t.Fatalf("%d items, %+v", len(page), more)
			}
			seen = append(seen, page...)
			if !more.IsTruncated {
				break
			}
			p.Marker = more.Marker
		}
		if !slices.IsSorted(seen) || len(slices.Compact(slices.Clone(seen))) != len(seen) {
			t.Fatalf("not in order, or twice: %v", seen)
		}
		seen = slices.DeleteFunc(seen, func(s string) bool { return !slices.Contains(kept, s) })
		slices.Sort(kept)
		if !slices.Equal(seen, kept) {
			t.Fatalf("saw %v of %v", seen, kept)
		}
	})
}

func TestPaginateDefaults(t *testing.T) {
	items := slices.Collect(func(yield func(string) bool) {
		for n := range 101 {
			if !yield(strings.Repeat("x", n+1)) {
				return
			}
		}
	})
	page, more, err := query.Paginate(items, itself, query.Paging{})
	if err != nil || len(page) != 100 || !more.IsTruncated {
		t.Errorf("%d items, %+v, %v", len(page), more, err)
	}
	if _, _, err := query.Paginate(items, itself, query.Paging{Marker: "*"}); !errors.Is(err, awserr.ValidationError) {
		t.Errorf("a marker of nobody's: %v", err)
	}
}
