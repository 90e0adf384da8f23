package lint

import (
	"slices"
	"testing"
)

// TestPublicAccess: what makes a statement public is the engine's to say; here it
// is shown which statements are told, and where.
func TestPublicAccess(t *testing.T) {
	const other = `{"Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"}`
	for statement, want := range map[string][]int{
		`"Effect":"Allow","Principal":"*"`:                                                                    {1},
		`"Effect":"Allow","Principal":{"AWS":["111122223333","*"]}`:                                           {1},
		`"Effect":"Allow","Principal":"*","Condition":{"IpAddress":{"aws:SourceIp":"0.0.0.0/0"}}`:             {1},
		`"Effect":"Allow","Principal":"*","Condition":{"IpAddress":{"aws:SourceIp":"203.0.113.0/24"}}`:        nil,
		`"Effect":"Allow","Principal":"*","Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-a1b2c3d4e5"}}`: nil,
		`"Effect":"Allow","Principal":{"Service":"cloudfront.amazonaws.com"}`:                                 nil,
		`"Effect":"Deny","Principal":"*","Condition":{"Bool":{"aws:SecureTransport":"false"}}`:                nil,
		`"Effect":"Allow","NotPrincipal":{"AWS":"111122223333"}`:                                              nil,
	} {
		document := `{"Version":"2012-10-17","Statement":[` + other + `,{` + statement + `,"Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"}]}`
		_, found := Validate([]byte(document), Bucket, Options{})
		var told []int
		for _, f := range found {
			if f.Code == PublicAccess {
				told = append(told, f.Statement)
			}
		}
		if !slices.Equal(told, want) {
			t.Errorf("%s: statements %v are told, want %v", statement, told, want)
		}
		if _, found := Validate([]byte(document), Identity, Options{}); slices.ContainsFunc(found, func(f Finding) bool { return f.Code == PublicAccess }) {
			t.Errorf("%s: told in an identity policy", statement)
		}
	}
}
