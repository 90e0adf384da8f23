package kms

import (
	"context"
	"strings"
	"time"

	"github.com/keywright/keywright/internal/directory"
	"github.com/keywright/keywright/internal/service"
	"github.com/keywright/keywright/policy/condition"
)

func (s *Service) keyRows() []service.Operation {
	return []service.Operation{s.createKey(), s.describeKey(), s.listKeys(), s.updateKeyDescription()}
}

// seconds is a time as the protocol has it.
type seconds float64

func secondsOf(t time.Time) seconds { return seconds(t.Unix()) }

type keyMetadata struct {
	AWSAccountID          string `json:"AWSAccountId"`
	KeyID                 string `json:"KeyId"`
	ARN                   string `json:"Arn"`
	CreationDate          seconds
	Enabled               bool
	Description           string
	KeyUsage              string
	KeyState              string
	DeletionDate          seconds `json:",omitempty"`
	Origin                string
	KeyManager            string
	CustomerMasterKeySpec string
	KeySpec               string
	EncryptionAlgorithms  []string
	MultiRegion           bool
}

func metadataOf(k *directory.KMSKey) keyMetadata {
	m := keyMetadata{
		AWSAccountID: k.AccountID, KeyID: k.ID, ARN: k.ARN, CreationDate: secondsOf(k.Created), Enabled: k.Enabled, Description: k.Description,
		KeyUsage: usage, KeyState: stateOf(k), Origin: origin, KeyManager: k.Manager,
		CustomerMasterKeySpec: algorithm, KeySpec: algorithm, EncryptionAlgorithms: []string{algorithm},
	}
	if !k.Deletion.IsZero() {
		m.DeletionDate = secondsOf(k.Deletion)
	}
	return m
}

// stateOf is a key's state ("Key states of AWS KMS keys", AWS KMS Developer Guide).
func stateOf(k *directory.KMSKey) string {
	switch {
	case !k.Deletion.IsZero():
		return "PendingDeletion"
	case k.Enabled:
		return "Enabled"
	}
	return "Disabled"
}

type createKeyInput struct {
	Policy, Description, KeyUsage, CustomerMasterKeySpec, KeySpec, Origin string

	CustomKeyStoreID               string `json:"CustomKeyStoreId"`
	XksKeyID                       string `json:"XksKeyId"`
	BypassPolicyLockoutSafetyCheck bool
	MultiRegion                    bool
	Tags                           []tag

	made      *directory.KMSKey
	lockedOut int // index of the need to change the policy later, or -1
}

type keyMetadataOutput struct{ KeyMetadata keyMetadata }

func (s *Service) createKey() service.Operation {
	return define(spec[createKeyInput, keyMetadataOutput]{
		name: "CreateKey",
		check: func(in *createKeyInput) error {
			switch {
			case in.KeyUsage != "" && in.KeyUsage != usage, in.CustomerMasterKeySpec != "" && in.CustomerMasterKeySpec != algorithm,
				in.KeySpec != "" && in.KeySpec != algorithm, in.Origin != "" && in.Origin != origin, in.CustomKeyStoreID != "", in.XksKeyID != "", in.MultiRegion:
				return unsupported.WithMessage("Only symmetric keys are served: KeySpec SYMMETRIC_DEFAULT, KeyUsage ENCRYPT_DECRYPT, Origin AWS_KMS, in one region and no key store.")
			}
			if err := checkDescription(in.Description); err != nil {
				return err
			}
			return checkTags(in.Tags)
		},
		needs: s.createKeyNeeds,
		serve: func(ctx context.Context, r *service.Request, in *createKeyInput) (out keyMetadataOutput, err error) {
			if in.lockedOut >= 0 && r.Denied(in.lockedOut) != nil {
				return out, errLockedOut
			}
			k, err := s.directory.AddKMSKey(ctx, in.made, "")
			if err != nil {
				return out, fault(in.made.ARN, err)
			}
			return keyMetadataOutput{metadataOf(k)}, nil
		},
	})
}

// createKeyNeeds makes the key, which nobody keeps before the needs are decided:
// whether its policy lets the caller change it later is one of them.
func (s *Service) createKeyNeeds(r *service.Request, in *createKeyInput) ([]service.Need, error) {
	document := in.Policy
	if document == "" {
		document = DefaultPolicy(r.Caller.AccountID)
	} else if err := s.checkPolicy(document); err != nil {
		return nil, err
	}
	var err error
	in.made, err = s.directory.NewKMSKey(directory.KMSKey{
		AccountID: r.Caller.AccountID, Description: in.Description, Manager: directory.KeyManagerCustomer, Policy: document, Tags: directoryTags(in.Tags),
	})
	if err != nil {
		return nil, fault("", err)
	}
	needs := []service.Need{aboutAny(r, "kms:CreateKey", requestTags(in.Tags), func(c *condition.Context) {
		setKind(c)
		c.SetBool("kms:BypassPolicyLockoutSafetyCheck", in.BypassPolicyLockoutSafetyCheck)
	})}
	if len(in.Tags) > 0 {
		needs = append(needs, aboutAny(r, "kms:TagResource", requestTags(in.Tags)))
	}
	in.lockedOut = -1
	if in.Policy != "" && !in.BypassPolicyLockoutSafetyCheck {
		in.lockedOut = len(needs)
		needs = append(needs, changesPolicy(r, in.made))
	}
	return needs, nil
}

func checkDescription(text string) error {
	if len(text) > 8192 {
		return validation.WithMessage("Description has at most 8192 characters.")
	}
	return nil
}

type describeKeyInput struct {
	forKey
	GrantTokens []string

	proposed bool // whether the key is yet to be kept
}

// proposeManaged makes the key that AWS manages, when it is asked about by its
// alias and is not there: who may learn of it has it made ("DescribeKey", AWS KMS
// API Reference).
func (s *Service) proposeManaged(r *service.Request, in *describeKeyInput) (err error) {
	own := "arn:aws:kms:" + s.region + ":" + r.Caller.AccountID + ":"
	if strings.TrimPrefix(in.KeyID, own) != ManagedAlias {
		return nil
	}
	if _, _, ok := s.directory.FindKMSKey(r.Caller.AccountID, ManagedAlias); ok {
		return nil
	}
	in.proposed = true
	in.key, err = NewManagedKey(s.directory, r.Caller.AccountID, s.region)
	return err
}

func (s *Service) describeKey() service.Operation {
	return define(spec[describeKeyInput, keyMetadataOutput]{
		name:  "DescribeKey",
		check: func(in *describeKeyInput) error { return in.checkKey() },
		needs: func(r *service.Request, in *describeKeyInput) ([]service.Need, error) {
			if err := s.proposeManaged(r, in); err != nil {
				return nil, err
			}
			if in.key != nil {
				return []service.Need{Use{Key: in.key, Alias: ManagedAlias}.Need(r, "kms:DescribeKey")}, nil
			}
			return useNeeds(s, "kms:DescribeKey", func(in *describeKeyInput) (*forKey, map[string]string) { return &in.forKey, nil })(r, in)
		},
		serve: func(ctx context.Context, _ *service.Request, in *describeKeyInput) (out keyMetadataOutput, err error) {
			if err := checkGrantTokens(in.GrantTokens); err != nil {
				return out, err
			}
			if in.proposed {
				if in.key, err = s.directory.AddKMSKey(ctx, in.key, ManagedAlias); err != nil {
					return out, err
				}
			}
			return keyMetadataOutput{metadataOf(in.key)}, nil
		},
	})
}

func checkGrantTokens(tokens []string) error {
	if len(tokens) > 0 {
		return invalidGrantToken
	}
	return nil
}

type listKeysInput struct{ paging }

type listKeysOutput struct {
	Keys []keyEntry
	page
}

type keyEntry struct {
	KeyID  string `json:"KeyId"`
	KeyARN string `json:"KeyArn"`
}

func (s *Service) listKeys() service.Operation {
	return define(spec[listKeysInput, listKeysOutput]{
		name:  "ListKeys",
		check: func(in *listKeysInput) error { return in.checkPaging(1000) },
		needs: anyNeed[listKeysInput]("kms:ListKeys"),
		serve: func(_ context.Context, r *service.Request, in *listKeysInput) (out listKeysOutput, err error) {
			list, p, err := paginate(s.directory.KMSKeys(r.Caller.AccountID), func(k *directory.KMSKey) string { return k.ID }, in.paging, 100)
			return listKeysOutput{shown(list, func(k *directory.KMSKey) keyEntry { return keyEntry{k.ID, k.ARN} }), p}, err
		},
	})
}

type updateDescriptionInput struct {
	forKey
	Description *string
}

func (s *Service) updateKeyDescription() service.Operation {
	return define(spec[updateDescriptionInput, empty]{
		name: "UpdateKeyDescription",
		check: func(in *updateDescriptionInput) error {
			if err := in.checkKey(); err != nil {
				return err
			}
			if in.Description == nil {
				return validation.WithMessage("Description must be given.")
			}
			return checkDescription(*in.Description)
		},
		needs: keyNeeds(s, "kms:UpdateKeyDescription", func(in *updateDescriptionInput) *forKey { return &in.forKey }),
		serve: func(ctx context.Context, _ *service.Request, in *updateDescriptionInput) (empty, error) {
			return empty{}, s.change(ctx, in.key, directory.KMSKeyUpdate{Description: in.Description})
		},
	})
}

// change changes a key that is not pending deletion.
func (s *Service) change(ctx context.Context, k *directory.KMSKey, u directory.KMSKeyUpdate) error {
	if err := notPending(k); err != nil {
		return err
	}
	_, err := s.directory.UpdateKMSKey(ctx, k.ID, u)
	return fault(k.ARN, err)
}

func notPending(k *directory.KMSKey) error {
	if !k.Deletion.IsZero() {
		return fault(k.ARN, directory.ErrKeyPendingDeletion)
	}
	return nil
}
