package s3

import (
	"context"
	"encoding/xml"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/keywright/keywright/internal/awserr"
	"github.com/keywright/keywright/internal/objects"
	"github.com/keywright/keywright/internal/service"
)

func (s *S3) taggingRows() []row {
	tagging, version := []string{"tagging"}, []string{"versionId"}
	return []row{
		{method: http.MethodGet, scope: objectScope, query: tagging, params: version, operation: s.getObjectTagging()},
		{method: http.MethodPut, scope: objectScope, query: tagging, params: version, operation: s.putObjectTagging()},
		{method: http.MethodDelete, scope: objectScope, query: tagging, params: version, operation: s.deleteObjectTagging()},
	}
}

// Limits of object tags ("Categorizing your objects using tags", Amazon S3 User
// Guide), in characters.
const (
	maxTags     = 10
	maxTagKey   = 128
	maxTagValue = 256
)

// checkTags checks tags as they are put. Keys that the document repeats are
// found by the caller.
func checkTags(tags map[string]string) error {
	if len(tags) > maxTags {
		return awserr.BadRequest.WithMessage("Object tags cannot be greater than %d", maxTags)
	}
	return checkTagTexts(tags, awserr.InvalidTag.WithMessage("Your TagKey cannot be prefixed with aws:"))
}

// Tags whose keys begin with "aws:" are refused in the words of each operation.
var (
	errSystemTag    = awserr.InvalidTag.WithMessage("System tags cannot be added/updated by requester")
	errNewSystemTag = awserr.InvalidTag.WithMessage(`User-defined tag keys can't start with "aws:". This prefix is reserved for system tags. Remove "aws:" from your tag keys and try again.`)
)

// checkTagTexts checks the keys and values of tags; system is the error for a
// key that only AWS may use.
func checkTagTexts(tags map[string]string, system *awserr.Error) error {
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		switch value := tags[key]; {
		case key == "" || utf8.RuneCountInString(key) > maxTagKey || !isTagText(key):
			return awserr.InvalidTag.WithMessage("The TagKey you have provided is invalid").With("TagKey", key)
		case strings.HasPrefix(strings.ToLower(key), "aws:"):
			return system.With("TagKey", key)
		case utf8.RuneCountInString(value) > maxTagValue || !isTagText(value):
			return awserr.InvalidTag.WithMessage("The TagValue you have provided is invalid").With("TagKey", key).With("TagValue", value)
		}
	}
	return nil
}

func isTagText(s string) bool {
	return utf8.ValidString(s) && strings.IndexFunc(s, func(c rune) bool {
		return !unicode.IsLetter(c) && !unicode.IsNumber(c) && !unicode.Is(unicode.Z, c) && !strings.ContainsRune("+-=._:/@", c)
	}) < 0
}

// untagged is why there is nothing to tag: a delete marker has no tags, and is
// not taken for an object that does not exist.
func (in *stored) untagged(r *request) error {
	var marker *objects.DeleteMarkerError
	if !errors.As(in.err, &marker) {
		return in.err
	}
	answer := awserr.MethodNotAllowed.With("Method", r.HTTP.Method).With("ResourceType", "DeleteMarker").WithCause(in.err)
	answer.Header = awserr.From(in.err).Header
	return answer
}

// headerTags reads x-amz-tagging.
func headerTags(h http.Header) (map[string]string, error) {
	values := h.Values("x-amz-tagging")
	if values == nil {
		return nil, nil
	}
	query, err := url.ParseQuery(values[0])
	tags := map[string]string{}
	for key, v := range query {
		tags[key] = v[0]
		if len(v) > 1 {
			return nil, malformedTagging(values)
		}
	}
	if err != nil || len(values) > 1 {
		return nil, malformedTagging(values)
	}
	for key, value := range tags {
		if !isTagText(key) || !isTagText(value) {
			return nil, malformedTagging(values)
		}
	}
	return tags, checkTags(tags)
}

func malformedTagging(values []string) error {
	return invalidArgument("x-amz-tagging", strings.Join(values, ","),
		"The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name duplicates.")
}

type tagElement struct {
	Key   string
	Value string
}

type taggingResult struct {
	XMLName xml.Name     `xml:"http://s3.amazonaws.com/doc/2006-03-01/ Tagging"`
	Tags    []tagElement `xml:"TagSet>Tag"`
}

func (s *S3) getObjectTagging() service.Operation {
	return define(s, spec[*stored]{
		name: "GetObjectTagging", parse: parseStored, reveals: revealsKey[*stored],
		needs: storedAction("s3:GetObjectTagging"),
		serve: func(_ context.Context, r *request, in *stored) (*service.Response, error) {
			if in.err != nil {
				return nil, in.untagged(r)
			}
			var result taggingResult
			tags := in.tags()
			for _, key := range slices.Sorted(maps.Keys(tags)) {
				result.Tags = append(result.Tags, tagElement{key, tags[key]})
			}
			return in.tell(r, &service.Response{XML: result}), nil
		},
	})
}

type putTaggingRequest struct {
	XMLName xml.Name `xml:"Tagging"`
	TagSet  *tagSet  `xml:"TagSet"`
	closed
}

type tagSet struct {
	Tags []struct {
		tagElement
		closed
	} `xml:"Tag"`
	closed
}

type taggingInput struct {
	*stored
	tags map[string]string
}

func parsePutTagging(r *service.Request) (in taggingInput, err error) {
	if in.stored, err = parseStored(r); err != nil {
		return in, err
	}
	var document putTaggingRequest
	if err := r.ReadXML(&document, maxSmallDocument); err != nil {
		return in, err
	}
	if in.tags, err = document.tags(); err != nil {
		return in, err
	}
	return in, checkTags(in.tags)
}

// tags returns the tags of a document, whose keys must differ.
func (document *putTaggingRequest) tags() (map[string]string, error) {
	if document.TagSet == nil {
		return nil, awserr.MalformedXML
	}
	tags := map[string]string{}
	for _, t := range document.TagSet.Tags {
		if _, twice := tags[t.Key]; twice {
			return nil, awserr.InvalidTag.WithMessage("Cannot provide multiple Tags with the same key").With("TagKey", t.Key)
		}
		tags[t.Key] = t.Value
	}
	return tags, nil
}

func (s *S3) putObjectTagging() service.Operation {
	return define(s, spec[taggingInput]{
		name: "PutObjectTagging", parse: parsePutTagging, reveals: revealsKey[taggingInput],
		needs: func(r *request, in taggingInput) ([]service.Need, error) {
			in.open(r)
			return []service.Need{in.need(r, "s3:PutObjectTagging", requestTags(in.tags))}, nil
		},
		serve: func(ctx context.Context, r *request, in taggingInput) (*service.Response, error) {
			return in.setTags(ctx, r, in.tags, http.StatusOK)
		},
	})
}

func (s *S3) deleteObjectTagging() service.Operation {
	return define(s, spec[*stored]{
		name: "DeleteObjectTagging", parse: parseStored, reveals: revealsKey[*stored],
		needs: storedAction("s3:DeleteObjectTagging"),
		serve: func(ctx context.Context, r *request, in *stored) (*service.Response, error) {
			return in.setTags(ctx, r, nil, http.StatusNoContent)
		},
	})
}

func (in *stored) setTags(ctx context.Context, r *request, tags map[string]string, status int) (*service.Response, error) {
	if in.err != nil {
		return nil, in.untagged(r)
	}
	if _, err := r.s3.objects.SetTags(ctx, r.room(), r.Key, in.object.Info().VersionID, tags); err != nil {
		return nil, r.storeError(err)
	}
	return in.tell(r, &service.Response{Status: status}), nil
}
