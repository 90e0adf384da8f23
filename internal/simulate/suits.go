package simulate

import (
	"strings"

	"github.com/keywright/keywright/arn"
	"github.com/keywright/keywright/facts"
)

// suits reports whether an action can be about a resource, as far as its types
// of resources are known. The simulator asks no policy about one that cannot. It
// takes buckets and objects for one type.
func suits(action, resource string) bool {
	a, known := facts.LookupAction(action)
	if !known || len(a.Resources) == 0 || resource == "*" {
		return true
	}
	vendor, _, _ := strings.Cut(a.Name, ":")
	for _, r := range facts.Resources() {
		if r.Service == vendor && a.HasResource(r.Type) && hasForm(&r, resource) {
			return true
		}
	}
	return false
}

// hasForm reports whether a name has the form of a type's ARNs.
func hasForm(r *facts.Resource, name string) bool {
	form := r.ARN
	if r.Service == "s3" && (r.Type == "bucket" || r.Type == "object") {
		form = "arn:${Partition}:s3:::${BucketName}"
	}
	p, err := arn.CompilePattern(withStars(form), 0)
	return err == nil && p.Match(name, nil)
}

// withStars puts a star in the place of each ${...}.
func withStars(form string) string {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(form, "${")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		b.WriteByte('*')
		_, form, _ = strings.Cut(rest, "}")
	}
}
