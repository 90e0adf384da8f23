package kms

import (
	"context"

	"github.com/keywright/keywright/internal/directory"
	"github.com/keywright/keywright/internal/service"
	"github.com/keywright/keywright/policy/condition"
)

func (s *Service) stateRows() []service.Operation {
	return []service.Operation{
		s.setEnabled("EnableKey", true), s.setEnabled("DisableKey", false), s.scheduleKeyDeletion(), s.cancelKeyDeletion(),
	}
}

type keyInput struct{ forKey }

func (in *keyInput) of() *forKey { return &in.forKey }

func (s *Service) setEnabled(name string, enabled bool) service.Operation {
	return define(spec[keyInput, empty]{
		name: name, check: func(in *keyInput) error { return in.checkKey() },
		needs: keyNeeds(s, "kms:"+name, (*keyInput).of),
		serve: func(ctx context.Context, _ *service.Request, in *keyInput) (empty, error) {
			return empty{}, s.change(ctx, in.key, directory.KMSKeyUpdate{Enabled: &enabled})
		},
	})
}

// How many days a key waits to be destroyed ("Delete an AWS KMS key", AWS KMS
// Developer Guide).
const (
	leastWaiting = 7
	mostWaiting  = 30
)

type scheduleInput struct {
	forKey
	PendingWindowInDays *int
}

type scheduleOutput struct {
	KeyID               string `json:"KeyId"`
	DeletionDate        seconds
	KeyState            string
	PendingWindowInDays int
}

func (in *scheduleInput) days() int {
	if in.PendingWindowInDays == nil {
		return mostWaiting
	}
	return *in.PendingWindowInDays
}

func (s *Service) scheduleKeyDeletion() service.Operation {
	const name = "ScheduleKeyDeletion"
	return define(spec[scheduleInput, scheduleOutput]{
		name: name,
		check: func(in *scheduleInput) error {
			if days := in.days(); days < leastWaiting || days > mostWaiting {
				return validation.WithMessage("PendingWindowInDays must be from %d to %d.", leastWaiting, mostWaiting)
			}
			return in.checkKey()
		},
		needs: func(r *service.Request, in *scheduleInput) (_ []service.Need, err error) {
			if in.key, in.alias, err = s.find(r, in.KeyID, "kms:"+name, false); err != nil {
				return nil, err
			}
			return []service.Need{Use{Key: in.key}.Need(r, "kms:"+name, func(c *condition.Context) {
				c.SetInt("kms:ScheduleKeyDeletionPendingWindowInDays", int64(in.days()))
			})}, nil
		},
		serve: func(ctx context.Context, _ *service.Request, in *scheduleInput) (out scheduleOutput, err error) {
			days := in.days()
			if err := s.change(ctx, in.key, directory.KMSKeyUpdate{WaitingDays: &days}); err != nil {
				return out, err
			}
			k, ok := s.directory.KMSKey(in.key.ID)
			if !ok {
				return out, fault(in.key.ARN, &directory.NotFoundError{Kind: "KMS key", Name: in.key.ID})
			}
			return scheduleOutput{k.ARN, secondsOf(k.Deletion), stateOf(k), days}, nil
		},
	})
}

type keyIDOutput struct {
	KeyID string `json:"KeyId"`
}

func (s *Service) cancelKeyDeletion() service.Operation {
	return define(spec[keyInput, keyIDOutput]{
		name: "CancelKeyDeletion", check: func(in *keyInput) error { return in.checkKey() },
		needs: keyNeeds(s, "kms:CancelKeyDeletion", (*keyInput).of),
		serve: func(ctx context.Context, _ *service.Request, in *keyInput) (out keyIDOutput, err error) {
			if in.key.Deletion.IsZero() {
				return out, invalidState.WithMessage("%s is not pending deletion.", in.key.ARN)
			}
			none := 0
			_, err = s.directory.UpdateKMSKey(ctx, in.key.ID, directory.KMSKeyUpdate{WaitingDays: &none})
			return keyIDOutput{in.key.ARN}, fault(in.key.ARN, err)
		},
	})
}
