package directory

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The characters of names and paths ("IAM and AWS STS quotas" and the API
// reference of each operation).
var (
	namePattern       = regexp.MustCompile(`^[A-Za-z0-9_+=,.@-]+$`)
	pathPattern       = regexp.MustCompile(`^/([!-\x7f]+/)?$`)
	policyPathPattern = regexp.MustCompile(`^((/[A-Za-z0-9.,+@=_-]+)*)/$`)
	keyIDPattern      = regexp.MustCompile(`^[A-Za-z0-9_]{16,128}$`)
)

func checkName(field, name string, longest int) error {
	if len(name) > longest || !namePattern.MatchString(name) {
		return &InvalidError{field, name, "1 to " + strconv.Itoa(longest) + " letters, digits and characters of _+=,.@-"}
	}
	return nil
}

func checkPath(path string, pattern *regexp.Regexp) error {
	if len(path) > 512 || !pattern.MatchString(path) {
		return &InvalidError{"path", path, "begins and ends with a slash, at most 512 characters"}
	}
	return nil
}

// checkText takes what every database and every protocol gives back unchanged.
func checkText(field, text string, longest int) error {
	if !utf8.ValidString(text) || strings.ContainsRune(text, 0) || utf8.RuneCountInString(text) > longest {
		return &InvalidError{field, text, "at most " + strconv.Itoa(longest) + " characters of UTF-8, without NUL"}
	}
	return nil
}

// mergeTags returns tags with others added. A key that differs from one that
// is there in nothing but case takes its place ("Tags for AWS Identity and
// Access Management resources"). The result is sorted by key.
func mergeTags(tags, others []Tag, quota string) ([]Tag, error) {
	for i, t := range others {
		if err := checkText("tag key", t.Key, 128); err != nil {
			return nil, err
		}
		if err := checkText("tag value", t.Value, 256); err != nil {
			return nil, err
		}
		if t.Key == "" || slices.ContainsFunc(others[:i], func(o Tag) bool { return strings.EqualFold(o.Key, t.Key) }) {
			return nil, &InvalidError{"tag key", t.Key, "a key is not empty and is given once, in whatever case"}
		}
	}
	keys := make([]string, len(others))
	for i, t := range others {
		keys[i] = t.Key
	}
	merged := append(withoutTags(tags, keys), others...)
	slices.SortFunc(merged, func(a, b Tag) int { return strings.Compare(a.Key, b.Key) })
	return merged, within(quota, len(merged))
}

// withoutTags returns a copy of tags without some keys, in whatever case.
func withoutTags(tags []Tag, keys []string) []Tag {
	var left []Tag
	for _, t := range tags {
		if !slices.ContainsFunc(keys, func(key string) bool { return strings.EqualFold(key, t.Key) }) {
			left = append(left, t)
		}
	}
	return left
}
