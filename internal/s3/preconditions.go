package s3

import (
	"net/http"
	"strings"
	"time"

	"github.com/keywright/keywright/internal/awserr"
	"github.com/keywright/keywright/internal/objects"
)

// checkRead evaluates the conditional headers of GetObject and HeadObject: a
// condition on the entity tag takes precedence over one on the time ("GetObject",
// Amazon S3 API Reference; RFC 9110, section 13.2.2).
func checkRead(h http.Header, i objects.Info, now time.Time) error {
	failed, notModified := evaluate(h, "", i, now)
	switch {
	case failed != "":
		return awserr.PreconditionFailed.With("Condition", failed)
	case notModified:
		return awserr.NotModified.
			WithHeader("Etag", quoted(i.ETag)).
			WithHeader("Last-Modified", i.Modified.UTC().Format(http.TimeFormat))
	}
	return nil
}

// copySource begins the names of the headers that are about the source of a copy.
const copySource = "x-amz-copy-source-"

// checkCopy evaluates the conditions on the source of a copy, which is never
// "not modified": it fails ("CopyObject", Amazon S3 API Reference).
func checkCopy(h http.Header, i objects.Info, now time.Time) error {
	failed, notModified := evaluate(h, copySource, i, now)
	if notModified {
		failed = copySource + "If-None-Match"
		if h.Get(failed) == "" {
			failed = copySource + "If-Modified-Since"
		}
	}
	if failed != "" {
		return awserr.PreconditionFailed.With("Condition", failed)
	}
	return nil
}

// evaluate returns the name of the condition that failed, or whether the object
// is the one that the client has. Nobody has one from the future: S3 ignores an
// If-Modified-Since that is later than now.
func evaluate(h http.Header, prefix string, i objects.Info, now time.Time) (failed string, notModified bool) {
	modified := i.Modified.Truncate(time.Second)
	since := func(name string) (t time.Time, ok bool) {
		t, err := http.ParseTime(h.Get(prefix + name))
		return t, err == nil
	}
	if v := h.Get(prefix + "If-Match"); v != "" {
		if !matchesTag(v, i.ETag, false) {
			return prefix + "If-Match", false
		}
	} else if t, ok := since("If-Unmodified-Since"); ok && modified.After(t) {
		return prefix + "If-Unmodified-Since", false
	}
	if v := h.Get(prefix + "If-None-Match"); v != "" {
		return "", matchesTag(v, i.ETag, true)
	}
	t, ok := since("If-Modified-Since")
	return "", ok && !modified.After(t) && !t.After(now)
}

// matchesTag reports whether a list of entity tags, quoted or not, has one. A
// weak tag equals a strong one only where weak is true.
func matchesTag(list, etag string, weak bool) bool {
	for _, tag := range strings.Split(list, ",") {
		tag = strings.TrimSpace(tag)
		if rest, ok := strings.CutPrefix(tag, "W/"); ok {
			if !weak {
				continue
			}
			tag = rest
		}
		if tag == "*" || strings.Trim(tag, `"`) == etag {
			return true
		}
	}
	return false
}

// writeConditions reads the conditional headers of a write. Only "*" can be
// asked not to exist, and only an entity tag to exist ("How to prevent object
// overwrites with conditional writes", Amazon S3 User Guide).
func writeConditions(h http.Header) (c objects.Conditions, err error) {
	match, noneMatch := h.Values("If-Match"), h.Values("If-None-Match")
	refuse := func(header, message string) error {
		return notImplemented(header).With("additionalMessage", message)
	}
	switch {
	case match != nil && noneMatch != nil:
		return c, refuse("If-Match,If-None-Match", "Multiple conditional request headers present in the request")
	case noneMatch != nil && (len(noneMatch) > 1 || noneMatch[0] != "*"):
		return c, refuse("If-None-Match", "We don't accept the provided value of If-None-Match header for this API")
	case noneMatch != nil:
		c.IfNoneMatch = true
	case match != nil:
		c.IfMatch = strings.Trim(match[0], `"`)
		if len(match) > 1 || c.IfMatch == "*" || c.IfMatch == "" || strings.ContainsAny(c.IfMatch, `",`) {
			return c, refuse("If-Match", "We don't accept the provided value of If-Match header for this API")
		}
	}
	return c, nil
}

// conditionFailed names the condition in a store's answer that one failed.
func conditionFailed(err error, c objects.Conditions) error {
	e := awserr.From(err)
	if e == nil || e.Code != awserr.PreconditionFailed.Code {
		return err
	}
	if c.IfNoneMatch {
		return e.With("Condition", "If-None-Match")
	}
	return e.With("Condition", "If-Match")
}
