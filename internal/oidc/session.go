package oidc

import (
	"regexp"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4/json"
)

// The claims that describe the session to be made ("Pass session tags in AWS
// STS" and "Monitor and control actions taken with assumed roles", IAM User
// Guide). Tags are nested in one claim, or each is a claim of its own.
const (
	tagsClaim           = "https://aws.amazon.com/tags"
	flatTagPrefix       = tagsClaim + "/principal_tags/"
	flatTransitiveClaim = tagsClaim + "/transitive_tag_keys"
	sourceClaim         = "https://aws.amazon.com/source_identity"
)

// What tags and source identities are made of ("Tag" and "AssumeRole", AWS STS
// API Reference).
var (
	tagKeyPattern   = regexp.MustCompile(`^[\p{L}\p{Z}\p{N}_.:/=+\-@]{1,128}$`)
	tagValuePattern = regexp.MustCompile(`^[\p{L}\p{Z}\p{N}_.:/=+\-@]{0,256}$`)
	sourcePattern   = regexp.MustCompile(`^[\w+=,.@-]{2,64}$`)
)

// readSession reads the claims that describe the session.
func (t *Token) readSession() error {
	if err := t.text(sourceClaim, &t.Source); err != nil {
		return ErrInvalid.WithCause(err)
	}
	if t.has(sourceClaim) && (!sourcePattern.MatchString(t.Source) || isReserved(t.Source)) {
		return ErrInvalid.WithMessage("The claim %s is not a source identity", sourceClaim)
	}
	if err := t.readTags(); err != nil {
		return err
	}
	return t.checkTags()
}

func (t *Token) readTags() error {
	var nested struct {
		Tags       map[string]json.RawMessage `json:"principal_tags"`
		Transitive []string                   `json:"transitive_tag_keys"`
	}
	if t.has(tagsClaim) {
		if err := json.Unmarshal(t.claims[tagsClaim], &nested); err != nil {
			return ErrInvalid.WithCause(err)
		}
	}
	for key, raw := range nested.Tags {
		if err := t.addTag(key, raw); err != nil {
			return err
		}
	}
	t.Transitive = nested.Transitive
	for claim, raw := range t.claims {
		key, ok := strings.CutPrefix(claim, flatTagPrefix)
		if !ok {
			continue
		}
		if err := t.addTag(key, raw); err != nil {
			return err
		}
	}
	var flat []string
	if err := t.texts(flatTransitiveClaim, &flat); err != nil {
		return ErrInvalid.WithCause(err)
	}
	t.Transitive = append(t.Transitive, flat...)
	slices.SortFunc(t.Tags, func(a, b Tag) int { return strings.Compare(a.Key, b.Key) })
	return nil
}

// addTag adds a tag whose value is a string, or a list of one.
func (t *Token) addTag(key string, raw json.RawMessage) error {
	var one *string
	if json.Unmarshal(raw, &one) != nil {
		one = nil
		var list []*string
		if json.Unmarshal(raw, &list) == nil && len(list) == 1 {
			one = list[0]
		}
	}
	if one == nil {
		return ErrInvalid.WithMessage("The session tag %q must have one value", key)
	}
	t.Tags = append(t.Tags, Tag{key, *one})
	return nil
}

// checkTags refuses tags that no session can have.
func (t *Token) checkTags() error {
	if len(t.Tags) > maxTagged {
		return ErrInvalid.WithMessage("A session has %d tags at most", maxTagged)
	}
	for i, tag := range t.Tags {
		switch {
		case !tagKeyPattern.MatchString(tag.Key) || !tagValuePattern.MatchString(tag.Value) || isReserved(tag.Key):
			return ErrInvalid.WithMessage("The session tag %q is not one that a session can have", tag.Key)
		case hasTag(t.Tags[:i], tag.Key):
			return ErrInvalid.WithMessage("Duplicate tag keys found. Please note that Tag keys are case insensitive.")
		}
	}
	for _, key := range t.Transitive {
		if !hasTag(t.Tags, key) {
			return ErrInvalid.WithMessage("The specified transitive tag key must be included in the requested tags.")
		}
	}
	return nil
}

func hasTag(tags []Tag, key string) bool {
	return slices.ContainsFunc(tags, func(t Tag) bool { return strings.EqualFold(t.Key, key) })
}

// isReserved reports whether only AWS itself may give a name.
func isReserved(name string) bool { return strings.HasPrefix(strings.ToLower(name), "aws:") }
