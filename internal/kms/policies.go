package kms

import (
	"encoding/json"
)

// DefaultPolicy is the policy of a key that is made without one: it lets the
// account's IAM policies allow ("Default key policy", AWS KMS Developer Guide).
func DefaultPolicy(accountID string) string {
	return document("key-default-1", statement{
		SID: "Enable IAM User Permissions", Effect: "Allow", Principal: map[string]string{"AWS": "arn:aws:iam::" + accountID + ":root"},
		Action: []string{"kms:*"}, Resource: "*",
	})
}

// ManagedPolicy is the policy of a key that AWS manages for an account and a
// service, such as s3.us-east-1.amazonaws.com: whoever of the account may use the
// service uses the key through it, and nobody changes it ("AWS managed keys", AWS
// KMS Developer Guide).
func ManagedPolicy(accountID, service, id string) string {
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

type statement struct {
	SID       string `json:"Sid"`
	Effect    string
	Principal map[string]string
	Action    []string
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
