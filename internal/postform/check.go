package postform

import (
	"strings"
	"time"

	"github.com/keywright/keywright/internal/awserr"
)

func violation(format string, args ...any) error {
	return awserr.AccessDenied.WithMessage("Invalid according to Policy: "+format, args...)
}

// CheckPolicy holds the form against its policy document, which must have been
// verified to be signed: the policy must not have expired, every condition must
// hold, and every field must have a condition. What it says of the size of the
// file is held against what Read reads.
//
// It fails with InvalidPolicyDocument when the document is none, and with
// AccessDenied, which names the condition or the field, when the form is not
// what the policy allows.
func (f *Form) CheckPolicy(now time.Time) error {
	p, err := parsePolicy(f.Get("policy"))
	if err != nil {
		return err
	}
	if now.After(p.expiration) {
		return violation("Policy expired.")
	}
	for _, c := range p.conditions {
		if !f.holds(c) {
			return violation("Policy Condition failed: %s", c)
		}
	}
	if extra := f.uncovered(p); extra != nil {
		return violation("Extra input fields: %s", strings.Join(extra, ", "))
	}
	return nil
}

// holds reports whether a condition is true of the form. A range is noted, for
// the file is yet to come.
func (f *Form) holds(c policyCondition) bool {
	if c.operator == sizeRange {
		least, most, err := c.bounds()
		if err != nil {
			return false
		}
		f.min = max(f.min, least)
		f.Limit(most)
		return true
	}
	name, ok := strings.CutPrefix(c.first, "$")
	if !ok {
		return false
	}
	value, ok := f.value(name)
	switch {
	case !ok:
		return false
	case c.operator == equals:
		return value == c.second
	case strings.ToLower(name) == "content-type":
		return everyHasPrefix(value, c.second)
	}
	return strings.HasPrefix(value, c.second)
}

// everyHasPrefix reports whether each of the values that commas separate has a
// prefix ("Condition Matching", Amazon S3 API Reference).
func everyHasPrefix(list, prefix string) bool {
	for v := range strings.SplitSeq(list, ",") {
		if !strings.HasPrefix(strings.TrimSpace(v), prefix) {
			return false
		}
	}
	return true
}

// value returns what a condition's name stands for: a field, or the bucket that
// the form was posted to.
func (f *Form) value(name string) (string, bool) {
	if strings.ToLower(name) == "bucket" {
		return f.Bucket, true
	}
	return f.Lookup(name)
}

// uncovered returns the names that no condition is about. The bucket counts as
// a field, whether or not the form has it: without a condition on it a form
// could be posted to any bucket of its signer's.
func (f *Form) uncovered(p *policy) (names []string) {
	covered := map[string]bool{}
	for _, c := range p.conditions {
		if c.operator != sizeRange {
			covered[strings.ToLower(strings.TrimPrefix(c.first, "$"))] = true
		}
	}
	for _, x := range f.fields {
		if lower := strings.ToLower(x.Name); !covered[lower] && !isExempt(lower) {
			names = append(names, x.Name)
		}
	}
	if _, given := f.Lookup("bucket"); !given && !covered["bucket"] {
		names = append(names, "bucket")
	}
	return names
}

// isExempt reports whether a field needs no condition ("POST Policy").
func isExempt(lower string) bool {
	return lower == "policy" || lower == "x-amz-signature" || strings.HasPrefix(lower, "x-ignore-")
}
