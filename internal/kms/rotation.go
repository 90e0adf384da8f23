package kms

import (
	"context"
	"strconv"

	"github.com/keywright/keywright/internal/directory"
	"github.com/keywright/keywright/internal/service"
	"github.com/keywright/keywright/policy/condition"
)

func (s *Service) rotationRows() []service.Operation {
	return []service.Operation{s.enableKeyRotation(), s.disableKeyRotation(), s.getKeyRotationStatus(), s.rotateKeyOnDemand(), s.listKeyRotations()}
}

// How many days may be between rotations, how many are usually, and how often a
// key may be rotated on demand ("Rotate AWS KMS keys", AWS KMS Developer Guide).
const (
	leastRotation = 90
	mostRotation  = 2560
	usualRotation = 365
	mostOnDemand  = 25
)

type enableRotationInput struct {
	forKey
	RotationPeriodInDays *int
}

func (in *enableRotationInput) days() int {
	if in.RotationPeriodInDays == nil {
		return usualRotation
	}
	return *in.RotationPeriodInDays
}

func (s *Service) enableKeyRotation() service.Operation {
	const action = "kms:EnableKeyRotation"
	return define(spec[enableRotationInput, empty]{
		name: "EnableKeyRotation",
		check: func(in *enableRotationInput) error {
			if days := in.days(); days < leastRotation || days > mostRotation {
				return validation.WithMessage("RotationPeriodInDays must be from %d to %d.", leastRotation, mostRotation)
			}
			return in.checkKey()
		},
		needs: func(r *service.Request, in *enableRotationInput) (_ []service.Need, err error) {
			if in.key, in.alias, err = s.find(r, in.KeyID, action, false); err != nil {
				return nil, err
			}
			return []service.Need{Use{Key: in.key}.Need(r, action, func(c *condition.Context) {
				if in.RotationPeriodInDays != nil {
					c.SetInt("kms:RotationPeriodInDays", int64(*in.RotationPeriodInDays))
				}
			})}, nil
		},
		serve: func(ctx context.Context, _ *service.Request, in *enableRotationInput) (empty, error) {
			days := in.days()
			return empty{}, s.setRotation(ctx, in.key, days)
		},
	})
}

func (s *Service) setRotation(ctx context.Context, k *directory.KMSKey, days int) error {
	if err := k.Usable(); err != nil {
		return fault(k.ARN, err)
	}
	return s.change(ctx, k, directory.KMSKeyUpdate{RotationDays: &days})
}

func (s *Service) disableKeyRotation() service.Operation {
	return define(spec[keyInput, empty]{
		name: "DisableKeyRotation", check: func(in *keyInput) error { return in.checkKey() },
		needs: keyNeeds(s, "kms:DisableKeyRotation", (*keyInput).of),
		serve: func(ctx context.Context, _ *service.Request, in *keyInput) (empty, error) {
			return empty{}, s.setRotation(ctx, in.key, 0)
		},
	})
}

type rotationStatusOutput struct {
	KeyID                string `json:"KeyId"`
	KeyRotationEnabled   bool
	RotationPeriodInDays int     `json:",omitempty"`
	NextRotationDate     seconds `json:",omitempty"`
}

func (s *Service) getKeyRotationStatus() service.Operation {
	return define(spec[keyInput, rotationStatusOutput]{
		name: "GetKeyRotationStatus", check: func(in *keyInput) error { return in.checkKey() },
		needs: keyNeeds(s, "kms:GetKeyRotationStatus", (*keyInput).of),
		serve: func(_ context.Context, _ *service.Request, in *keyInput) (rotationStatusOutput, error) {
			out := rotationStatusOutput{KeyID: in.key.ARN, RotationPeriodInDays: in.key.RotationDays}
			if out.KeyRotationEnabled = in.key.RotationDays > 0; out.KeyRotationEnabled {
				out.NextRotationDate = secondsOf(in.key.NextRotation)
			}
			return out, nil
		},
	})
}

func (s *Service) rotateKeyOnDemand() service.Operation {
	return define(spec[keyInput, keyIDOutput]{
		name: "RotateKeyOnDemand", check: func(in *keyInput) error { return in.checkKey() },
		needs: keyNeeds(s, "kms:RotateKeyOnDemand", (*keyInput).of),
		serve: func(ctx context.Context, _ *service.Request, in *keyInput) (out keyIDOutput, err error) {
			onDemand := 0
			for _, r := range in.key.Rotations {
				if r.OnDemand {
					onDemand++
				}
			}
			if onDemand >= mostOnDemand {
				return out, limitExceeded.WithMessage("A key can be rotated on demand %d times.", mostOnDemand)
			}
			return keyIDOutput{in.key.ARN}, fault(in.key.ARN, s.directory.RotateKMSKey(ctx, in.key.ID))
		},
	})
}

type listRotationsInput struct {
	forKey
	paging
	IncludeKeyMaterial string
}

type rotationEntry struct {
	KeyID        string `json:"KeyId"`
	RotationDate seconds
	RotationType string
}

type listRotationsOutput struct {
	Rotations []rotationEntry
	page
}

func (s *Service) listKeyRotations() service.Operation {
	return define(spec[listRotationsInput, listRotationsOutput]{
		name: "ListKeyRotations",
		check: func(in *listRotationsInput) error {
			if in.IncludeKeyMaterial != "" && in.IncludeKeyMaterial != "ROTATIONS_ONLY" {
				return unsupported.WithMessage("Only rotations are listed: IncludeKeyMaterial ROTATIONS_ONLY.")
			}
			return firstOf(in.checkPaging(1000), in.checkKey())
		},
		needs: keyNeeds(s, "kms:ListKeyRotations", func(in *listRotationsInput) *forKey { return &in.forKey }),
		serve: func(_ context.Context, _ *service.Request, in *listRotationsInput) (out listRotationsOutput, err error) {
			entries := make([]rotationEntry, len(in.key.Rotations))
			for i, r := range in.key.Rotations {
				entries[i] = rotationEntry{in.key.ARN, secondsOf(r.Time), "AUTOMATIC"}
				if r.OnDemand {
					entries[i].RotationType = "ON_DEMAND"
				}
			}
			list, p, err := paginate(numbered(entries), func(n numberedEntry) string { return n.place }, in.paging, 100)
			return listRotationsOutput{shown(list, func(n numberedEntry) rotationEntry { return n.rotationEntry }), p}, err
		},
	})
}

// numberedEntry is an entry with its place, by which pages go on.
type numberedEntry struct {
	rotationEntry
	place string
}

func numbered(entries []rotationEntry) []numberedEntry {
	list := make([]numberedEntry, len(entries))
	for i, e := range entries {
		list[i] = numberedEntry{e, strconv.Itoa(1_000_000 + i)}
	}
	return list
}
