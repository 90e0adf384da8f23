package kms

import (
	"context"
	"strings"

	"github.com/keywright/keywright/internal/directory"
	"github.com/keywright/keywright/internal/service"
	"github.com/keywright/keywright/policy/condition"
)

func (s *Service) tagRows() []service.Operation {
	return []service.Operation{s.tagResource(), s.untagResource(), s.listResourceTags()}
}

type tag struct{ TagKey, TagValue string }

func checkTags(tags []tag) error {
	seen := map[string]bool{}
	for _, t := range tags {
		switch {
		case t.TagKey == "" || len(t.TagKey) > 128 || len(t.TagValue) > 256:
			return invalidTag.WithMessage("A tag has a key of 1 to 128 characters and a value of at most 256.")
		case strings.HasPrefix(strings.ToLower(t.TagKey), "aws:"):
			return invalidTag.WithMessage("Tag keys that begin with aws: are AWS's own.")
		case seen[t.TagKey]:
			return invalidTag.WithMessage("The tag key %q is given twice.", t.TagKey)
		}
		seen[t.TagKey] = true
	}
	if most := directory.Quota(directory.QuotaTagsPerKMSKey); len(tags) > most {
		return limitExceeded.WithMessage("A key has at most %d tags.", most)
	}
	return nil
}

func directoryTags(tags []tag) []directory.Tag {
	return shown(tags, func(t tag) directory.Tag { return directory.Tag{Key: t.TagKey, Value: t.TagValue} })
}

// requestTags sets the keys of the tags that a request brings.
func requestTags(tags []tag) func(*condition.Context) {
	return func(c *condition.Context) {
		var names []string
		for _, t := range tags {
			c.SetString("aws:RequestTag/"+t.TagKey, t.TagValue)
			names = append(names, t.TagKey)
		}
		if len(names) > 0 {
			c.SetStrings("aws:TagKeys", names)
		}
	}
}

type tagInput struct {
	forKey
	Tags []tag
}

func (s *Service) tagResource() service.Operation {
	return define(spec[tagInput, empty]{
		name: "TagResource",
		check: func(in *tagInput) error {
			if err := checkTags(in.Tags); err != nil {
				return err
			}
			return in.checkKey()
		},
		needs: func(r *service.Request, in *tagInput) (_ []service.Need, err error) {
			const action = "kms:TagResource"
			if in.key, in.alias, err = s.find(r, in.KeyID, action, false); err != nil {
				return nil, err
			}
			return []service.Need{Use{Key: in.key}.Need(r, action, requestTags(in.Tags))}, nil
		},
		serve: func(ctx context.Context, _ *service.Request, in *tagInput) (empty, error) {
			return empty{}, s.change(ctx, in.key, directory.KMSKeyUpdate{AddTags: directoryTags(in.Tags)})
		},
	})
}

type untagInput struct {
	forKey
	TagKeys []string
}

func (s *Service) untagResource() service.Operation {
	return define(spec[untagInput, empty]{
		name: "UntagResource", check: func(in *untagInput) error { return in.checkKey() },
		needs: func(r *service.Request, in *untagInput) (_ []service.Need, err error) {
			const action = "kms:UntagResource"
			if in.key, in.alias, err = s.find(r, in.KeyID, action, false); err != nil {
				return nil, err
			}
			return []service.Need{Use{Key: in.key}.Need(r, action, func(c *condition.Context) {
				if len(in.TagKeys) > 0 {
					c.SetStrings("aws:TagKeys", in.TagKeys)
				}
			})}, nil
		},
		serve: func(ctx context.Context, _ *service.Request, in *untagInput) (empty, error) {
			return empty{}, s.change(ctx, in.key, directory.KMSKeyUpdate{RemoveTags: in.TagKeys})
		},
	})
}

type listTagsInput struct {
	forKey
	paging
}

type listTagsOutput struct {
	Tags []tag
	page
}

func (s *Service) listResourceTags() service.Operation {
	return define(spec[listTagsInput, listTagsOutput]{
		name: "ListResourceTags",
		check: func(in *listTagsInput) error {
			if err := in.checkPaging(50); err != nil {
				return err
			}
			return in.checkKey()
		},
		needs: keyNeeds(s, "kms:ListResourceTags", func(in *listTagsInput) *forKey { return &in.forKey }),
		serve: func(_ context.Context, _ *service.Request, in *listTagsInput) (listTagsOutput, error) {
			list, p, err := paginate(in.key.Tags, func(t directory.Tag) string { return t.Key }, in.paging, 50)
			return listTagsOutput{shown(list, func(t directory.Tag) tag { return tag{t.Key, t.Value} }), p}, err
		},
	})
}
