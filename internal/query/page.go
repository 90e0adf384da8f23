package query

import (
	"encoding/base64"
	"slices"
	"strings"

	"github.com/keywright/keywright/internal/awserr"
)

// defaultMaxItems is how many items a page has when a request does not say.
const defaultMaxItems = 100

// Paging are the parameters with which a client asks for a page of a list.
type Paging struct {
	Marker   string
	MaxItems int
}

// Page is how an answer says whether its list goes on.
type Page struct {
	IsTruncated bool
	Marker      string `xml:",omitempty"`
}

// Paginate returns the items of the page that a client asks for, sorted by key.
// A marker names the last key that was sent: items made or deleted in between
// move no other item. Keys must differ. It fails with ValidationError for a
// marker that no page ended with.
func Paginate[T any](items []T, key func(T) string, p Paging) ([]T, Page, error) {
	items = slices.SortedFunc(slices.Values(items), func(a, b T) int { return strings.Compare(key(a), key(b)) })
	if p.Marker != "" {
		after, err := base64.RawURLEncoding.DecodeString(p.Marker)
		if err != nil {
			return nil, Page{}, awserr.ValidationError.WithMessage("Invalid Marker: %s", p.Marker).WithCause(err)
		}
		i, found := slices.BinarySearchFunc(items, string(after), func(t T, k string) int { return strings.Compare(key(t), k) })
		if found {
			i++
		}
		items = items[i:]
	}
	limit := p.MaxItems
	if limit == 0 {
		limit = defaultMaxItems
	}
	if len(items) <= limit {
		return items, Page{}, nil
	}
	items = items[:limit]
	return items, Page{true, base64.RawURLEncoding.EncodeToString([]byte(key(items[limit-1])))}, nil
}
