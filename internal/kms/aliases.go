package kms

import (
	"context"
	"strings"

	"github.com/keywright/keywright/internal/directory"
	"github.com/keywright/keywright/internal/service"
)

func (s *Service) aliasRows() []service.Operation {
	return []service.Operation{s.createAlias(), s.updateAlias(), s.deleteAlias(), s.listAliases()}
}

type aliasInput struct {
	AliasName   string
	TargetKeyID string `json:"TargetKeyId"`

	target, former *directory.KMSKey
}

func (in *aliasInput) check() error {
	if err := checkAliasName(in.AliasName); err != nil {
		return err
	}
	return checkKeyID("TargetKeyId", in.TargetKeyID)
}

// checkAliasName refuses the names that AWS keeps for its own keys, too.
func checkAliasName(name string) error {
	switch {
	case name == "" || len(name) > 256:
		return validation.WithMessage("AliasName must be given, with at most 256 characters.")
	case !strings.HasPrefix(name, "alias/"):
		return validation.WithMessage("Invalid identifier: an alias begins with alias/.")
	case strings.HasPrefix(name, "alias/aws/"):
		return invalidAliasName.WithMessage("Aliases that begin with alias/aws/ are those of keys that AWS manages.")
	}
	return nil
}

// aliasNeed is the need for an action on an alias, which only IAM policies allow.
func (s *Service) aliasNeed(r *service.Request, action, name string) service.Need {
	return aboutResource(r, action, "arn:aws:kms:"+s.region+":"+r.Caller.AccountID+":"+name)
}

func (s *Service) createAlias() service.Operation {
	const action = "kms:CreateAlias"
	return define(spec[aliasInput, empty]{
		name: "CreateAlias", check: (*aliasInput).check,
		needs: func(r *service.Request, in *aliasInput) (_ []service.Need, err error) {
			if in.target, _, err = s.find(r, in.TargetKeyID, action, false); err != nil {
				return nil, err
			}
			return []service.Need{s.aliasNeed(r, action, in.AliasName), Use{Key: in.target}.Need(r, action)}, nil
		},
		serve: func(ctx context.Context, r *service.Request, in *aliasInput) (empty, error) {
			if err := notPending(in.target); err != nil {
				return empty{}, err
			}
			return empty{}, fault(in.target.ARN, s.directory.CreateKMSAlias(ctx, r.Caller.AccountID, in.AliasName, in.target.ID))
		},
	})
}

// findAlias returns the key that an alias of the caller's account names.
func (s *Service) findAlias(r *service.Request, name string) (*directory.KMSKey, error) {
	k, _, ok := s.directory.FindKMSKey(r.Caller.AccountID, name)
	if !ok {
		return nil, notFound.WithMessage("Alias arn:aws:kms:%s:%s:%s is not found.", s.region, r.Caller.AccountID, name)
	}
	return k, nil
}

func (s *Service) updateAlias() service.Operation {
	const action = "kms:UpdateAlias"
	return define(spec[aliasInput, empty]{
		name: "UpdateAlias", check: (*aliasInput).check,
		needs: func(r *service.Request, in *aliasInput) (_ []service.Need, err error) {
			if in.former, err = s.findAlias(r, in.AliasName); err != nil {
				return nil, err
			}
			if in.target, _, err = s.find(r, in.TargetKeyID, action, false); err != nil {
				return nil, err
			}
			return []service.Need{s.aliasNeed(r, action, in.AliasName), Use{Key: in.former}.Need(r, action), Use{Key: in.target}.Need(r, action)}, nil
		},
		serve: func(ctx context.Context, r *service.Request, in *aliasInput) (empty, error) {
			if err := notPending(in.target); err != nil {
				return empty{}, err
			}
			return empty{}, fault(in.target.ARN, s.directory.UpdateKMSAlias(ctx, r.Caller.AccountID, in.AliasName, in.target.ID))
		},
	})
}

type deleteAliasInput struct {
	AliasName string

	former *directory.KMSKey
}

func (s *Service) deleteAlias() service.Operation {
	const action = "kms:DeleteAlias"
	return define(spec[deleteAliasInput, empty]{
		name: "DeleteAlias", check: func(in *deleteAliasInput) error { return checkAliasName(in.AliasName) },
		needs: func(r *service.Request, in *deleteAliasInput) (_ []service.Need, err error) {
			if in.former, err = s.findAlias(r, in.AliasName); err != nil {
				return nil, err
			}
			return []service.Need{s.aliasNeed(r, action, in.AliasName), Use{Key: in.former}.Need(r, action)}, nil
		},
		serve: func(ctx context.Context, r *service.Request, in *deleteAliasInput) (empty, error) {
			return empty{}, fault(in.former.ARN, s.directory.DeleteKMSAlias(ctx, r.Caller.AccountID, in.AliasName))
		},
	})
}

type listAliasesInput struct {
	KeyID string `json:"KeyId"`
	paging
}

type listAliasesOutput struct {
	Aliases []aliasEntry
	page
}

type aliasEntry struct {
	AliasName       string
	AliasARN        string `json:"AliasArn"`
	TargetKeyID     string `json:"TargetKeyId"`
	CreationDate    seconds
	LastUpdatedDate seconds
}

func (s *Service) listAliases() service.Operation {
	return define(spec[listAliasesInput, listAliasesOutput]{
		name:  "ListAliases",
		check: func(in *listAliasesInput) error { return in.checkPaging(100) },
		needs: anyNeed[listAliasesInput]("kms:ListAliases"),
		serve: func(_ context.Context, r *service.Request, in *listAliasesInput) (out listAliasesOutput, err error) {
			all := s.directory.KMSAliases(r.Caller.AccountID)
			if in.KeyID != "" {
				k, _, err := s.find(r, in.KeyID, "kms:ListAliases", false)
				if err != nil {
					return out, err
				}
				var of []*directory.KMSAlias
				for _, a := range all {
					if a.KeyID == k.ID {
						of = append(of, a)
					}
				}
				all = of
			}
			list, p, err := paginate(all, func(a *directory.KMSAlias) string { return a.Name }, in.paging, 50)
			return listAliasesOutput{shown(list, aliasEntryOf), p}, err
		},
	})
}

func aliasEntryOf(a *directory.KMSAlias) aliasEntry {
	return aliasEntry{a.Name, a.ARN, a.KeyID, secondsOf(a.Created), secondsOf(a.Updated)}
}
