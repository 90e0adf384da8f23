package kms

import (
	"encoding/base64"
	"sort"
)

// paging, in the members of a request, asks for a page of a list.
type paging struct {
	Limit  *int
	Marker string
}

func (p *paging) checkPaging(most int) error {
	if p.Limit != nil && (*p.Limit < 1 || *p.Limit > most) {
		return validation.WithMessage("Limit must be from 1 to %d.", most)
	}
	return nil
}

// page, in the members of an answer, says whether there is more.
type page struct {
	Truncated  bool
	NextMarker string `json:",omitempty"`
}

// paginate returns a page of a list that is sorted by the names of its entries,
// of usual entries unless the request says how many.
func paginate[V any](all []V, name func(V) string, p paging, usual int) ([]V, page, error) {
	after, err := base64.RawURLEncoding.DecodeString(p.Marker)
	if err != nil {
		return nil, page{}, invalidMarker.WithCause(err)
	}
	if p.Limit != nil {
		usual = *p.Limit
	}
	from := 0
	if p.Marker != "" {
		from = sort.Search(len(all), func(i int) bool { return name(all[i]) > string(after) })
	}
	if all = all[from:]; len(all) <= usual {
		return all, page{}, nil
	}
	all = all[:usual]
	return all, page{true, base64.RawURLEncoding.EncodeToString([]byte(name(all[usual-1])))}, nil
}

// shown returns what a list shows of its entries, which is never null.
func shown[V, S any](list []V, show func(V) S) []S {
	out := make([]S, len(list))
	for i, v := range list {
		out[i] = show(v)
	}
	return out
}
