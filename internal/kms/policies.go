package kms

import (
	"context"
	"encoding/json"

	"github.com/keywright/keywright/internal/directory"
	"github.com/keywright/keywright/internal/service"
	"github.com/keywright/keywright/policy"
	"github.com/keywright/keywright/policy/condition"
)

// DefaultPolicy is the policy of a key that is made without one: it lets the
// account's IAM policies allow ("Default key policy", AWS KMS Developer Guide).
func DefaultPolicy(accountID string) string {
	return document("key-default-1", statement{
		SID: "Enable IAM User Permissions", Effect: "Allow", Principal: map[string]string{"AWS": "arn:aws:iam::" + accountID + ":root"},
		Action: "kms:*", Resource: "*",
	})
}

// managedPolicy is the policy of a key that AWS manages for an account and a
// service, such as s3.us-east-1.amazonaws.com: whoever of the account may use the
// service uses the key through it, and nobody changes it ("AWS managed keys", AWS
// KMS Developer Guide).
func managedPolicy(accountID, service, id string) string {
	return document(id,
		statement{
			SID:    "Allow access through the service for all principals in the account that are authorized to use it",
			Effect: "Allow", Principal: map[string]string{"AWS": "*"},
			Action:    []string{"kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:CreateGrant", "kms:DescribeKey"},
			Resource:  "*",
			Condition: map[string]map[string]string{"StringEquals": {"kms:CallerAccount": accountID, "kms:ViaService": service}},
		},
		statement{
			SID:    "Allow direct access to key metadata to the account",
			Effect: "Allow", Principal: map[string]string{"AWS": "arn:aws:iam::" + accountID + ":root"},
			Action: []string{"kms:Describe*", "kms:Get*", "kms:List*", "kms:RevokeGrant"}, Resource: "*",
		},
	)
}

// ManagedAlias is the alias of the key that an account's objects in S3 are under
// when nobody names another.
const ManagedAlias = "alias/aws/s3"

// NewManagedKey makes the key of ManagedAlias for an account, which nobody keeps
// before it is used or asked for.
func NewManagedKey(d interface {
	NewKMSKey(directory.KMSKey) (*directory.KMSKey, error)
}, accountID, region string) (*directory.KMSKey, error) {
	return d.NewKMSKey(directory.KMSKey{
		AccountID: accountID, Manager: directory.KeyManagerAWS,
		Description: "Default key that protects my S3 objects when no other key is defined",
		Policy:      managedPolicy(accountID, "s3."+region+".amazonaws.com", "auto-s3-2"),
	})
}

type statement struct {
	SID       string `json:"Sid"`
	Effect    string
	Principal map[string]string
	Action    any // a text or a list
	Resource  string
	Condition map[string]map[string]string `json:",omitempty"`
}

func document(id string, statements ...statement) string {
	text, err := json.MarshalIndent(struct {
		Version   string
		ID        string `json:"Id"`
		Statement []statement
	}{"2012-10-17", id, statements}, "", "  ")
	if err != nil { // it is a struct of strings
		panic(err)
	}
	return string(text)
}

func (s *Service) policyRows() []service.Operation {
	return []service.Operation{s.getKeyPolicy(), s.putKeyPolicy(), s.listKeyPolicies()}
}

const (
	// policyName is the one name that a key's policy can have.
	policyName = "default"
	// maxPolicy is the most bytes of a key policy ("Resource quotas", AWS KMS
	// Developer Guide).
	maxPolicy = 32 << 10
)

var (
	errPolicyName = notFound.WithMessage("No such policy exists")
	errLockedOut  = malformedPolicy.WithMessage("The new key policy will not allow you to update the key policy in the future.")
)

type policyInput struct {
	forKey
	PolicyName string
}

func (in *policyInput) of() *forKey { return &in.forKey }

func (in *policyInput) checkName() error {
	if in.PolicyName != "" && in.PolicyName != policyName {
		return errPolicyName
	}
	return in.checkKey()
}

type policyOutput struct{ Policy, PolicyName string }

func (s *Service) getKeyPolicy() service.Operation {
	return define(spec[policyInput, policyOutput]{
		name: "GetKeyPolicy", check: (*policyInput).checkName,
		needs: keyNeeds(s, "kms:GetKeyPolicy", (*policyInput).of),
		serve: func(_ context.Context, _ *service.Request, in *policyInput) (policyOutput, error) {
			return policyOutput{in.key.Policy, policyName}, nil
		},
	})
}

type listPoliciesInput struct {
	forKey
	paging
}

type listPoliciesOutput struct {
	PolicyNames []string
	page
}

func (s *Service) listKeyPolicies() service.Operation {
	return define(spec[listPoliciesInput, listPoliciesOutput]{
		name: "ListKeyPolicies",
		check: func(in *listPoliciesInput) error {
			if err := in.checkPaging(1000); err != nil {
				return err
			}
			return in.checkKey()
		},
		needs: keyNeeds(s, "kms:ListKeyPolicies", func(in *listPoliciesInput) *forKey { return &in.forKey }),
		serve: func(context.Context, *service.Request, *listPoliciesInput) (listPoliciesOutput, error) {
			return listPoliciesOutput{PolicyNames: []string{policyName}}, nil
		},
	})
}

type putPolicyInput struct {
	policyInput
	Policy                         string
	BypassPolicyLockoutSafetyCheck bool

	changed   *directory.KMSKey
	lockedOut int // index of the need to change the policy later, or -1
}

func (s *Service) putKeyPolicy() service.Operation {
	return define(spec[putPolicyInput, empty]{
		name: "PutKeyPolicy",
		check: func(in *putPolicyInput) error {
			if in.Policy == "" {
				return validation.WithMessage("Policy must be given.")
			}
			return in.checkName()
		},
		needs: s.putPolicyNeeds,
		serve: func(ctx context.Context, r *service.Request, in *putPolicyInput) (empty, error) {
			if in.lockedOut >= 0 && r.Denied(in.lockedOut) != nil {
				return empty{}, errLockedOut
			}
			_, err := s.directory.UpdateKMSKey(ctx, in.key.ID, directory.KMSKeyUpdate{Policy: &in.Policy})
			return empty{}, fault(in.key.ARN, err)
		},
	})
}

// putPolicyNeeds asks for the key as it is and, unless the caller wants no check,
// for the key as it will be.
func (s *Service) putPolicyNeeds(r *service.Request, in *putPolicyInput) (needs []service.Need, err error) {
	const action = "kms:PutKeyPolicy"
	if in.key, in.alias, err = s.find(r, in.KeyID, action, false); err != nil {
		return nil, err
	}
	if err := s.checkPolicy(in.Policy); err != nil {
		return nil, err
	}
	if in.changed, err = s.directory.WithKeyPolicy(in.key, in.Policy); err != nil {
		return nil, fault(in.key.ARN, err)
	}
	needs = []service.Need{Use{Key: in.key}.Need(r, action, func(c *condition.Context) {
		c.SetBool("kms:BypassPolicyLockoutSafetyCheck", in.BypassPolicyLockoutSafetyCheck)
	})}
	in.lockedOut = -1
	if !in.BypassPolicyLockoutSafetyCheck {
		in.lockedOut = len(needs)
		needs = append(needs, changesPolicy(r, in.changed))
	}
	return needs, nil
}

// changesPolicy is the need to change the policy of a key once more, which a
// request may lack and is then refused in other words.
func changesPolicy(r *service.Request, k *directory.KMSKey) service.Need {
	n := Use{Key: k}.Need(r, "kms:PutKeyPolicy", func(c *condition.Context) { c.SetBool("kms:BypassPolicyLockoutSafetyCheck", false) })
	n.Optional = true
	return n
}

// checkPolicy refuses a policy that is too long or no policy, and one that names
// a principal of an account that lives here and does not exist.
func (s *Service) checkPolicy(document string) error {
	if len(document) > maxPolicy {
		return limitExceeded.WithMessage("A key policy has at most %d bytes.", maxPolicy)
	}
	doc, err := policy.Parse([]byte(document))
	if err != nil {
		return fault("", err)
	}
	for _, p := range doc.Principals() {
		if p.Type != policy.AWS {
			continue
		}
		if id, known := s.directory.PrincipalID(p.Value.Text); known && id == "" {
			return malformedPolicy.WithMessage("Policy contains a statement with one or more invalid principals.")
		}
	}
	return nil
}
