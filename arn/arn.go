// Package arn knows Amazon Resource Names: how one is written, and when a
// pattern matches one. Its Wildcard is the one matcher behind actions,
// resources, StringLike and ArnLike: it takes no recursion and no memory, and
// what stands for a policy variable is compared as data, never as a pattern.
//
// It does not know which services, resources or accounts exist.
package arn

import (
	"errors"
	"fmt"
	"strings"
)

// ErrMalformed is returned, wrapped, for a text that is not an ARN, or not a
// pattern of ARNs or of strings.
var ErrMalformed = errors.New("malformed")

// ARN is an Amazon Resource Name, as in "Amazon Resource Names (ARNs)" in the
// IAM User Guide: arn:partition:service:region:account-id:resource. Region and
// AccountID may be empty, as they are for buckets.
type ARN struct{ Partition, Service, Region, AccountID, Resource string }

// Parse reads an ARN. The resource keeps whatever colons it has. Partition,
// service and resource must not be empty; otherwise the error wraps
// ErrMalformed.
func Parse(s string) (ARN, error) {
	fields := strings.SplitN(s, ":", 6)
	if len(fields) != 6 || fields[0] != "arn" {
		return ARN{}, fmt.Errorf("%w ARN %q: want arn:partition:service:region:account:resource", ErrMalformed, s)
	}
	a := ARN{fields[1], fields[2], fields[3], fields[4], fields[5]}
	if a.Partition == "" || a.Service == "" || a.Resource == "" {
		return ARN{}, fmt.Errorf("%w ARN %q: partition, service and resource must not be empty", ErrMalformed, s)
	}
	return a, nil
}

// String writes the ARN. The zero ARN is written as the empty string.
func (a ARN) String() string {
	if a == (ARN{}) {
		return ""
	}
	return "arn:" + a.Partition + ":" + a.Service + ":" + a.Region + ":" + a.AccountID + ":" + a.Resource
}

// Is reports whether s has the form of an ARN, at no cost in memory.
func Is(s string) bool {
	rest, ok := strings.CutPrefix(s, "arn:")
	for range 4 {
		if _, rest, ok = cutColon(rest, ok); !ok {
			return false
		}
	}
	return ok && rest != ""
}

func cutColon(s string, ok bool) (before, after string, found bool) {
	if !ok {
		return "", "", false
	}
	return strings.Cut(s, ":")
}

// IsAccountID reports whether s is an account id: 12 digits on AWS, up to 20
// with S3-compatible providers.
func IsAccountID(s string) bool {
	if len(s) < 12 || len(s) > 20 {
		return false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}
