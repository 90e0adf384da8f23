package lint

import "unicode"

// The most that a policy may hold ("IAM and AWS STS quotas"; "Bucket policies
// for Amazon S3"). A bucket policy is counted in bytes, the others in
// characters without white space; inline policies are counted together.
const (
	MaxBucketPolicySize  = 20480
	MaxManagedPolicySize = 6144
	MaxUserInlineSize    = 2048
	MaxGroupInlineSize   = 5120
	MaxRoleInlineSize    = 10240
	MaxTrustPolicySize   = 2048
	MaxSessionPolicySize = 2048
)

// IAMSize returns the size of a policy as IAM counts it: characters without
// white space.
func IAMSize(document string) int {
	n := 0
	for _, r := range document {
		if !unicode.IsSpace(r) {
			n++
		}
	}
	return n
}

// BucketPolicySize returns the size of a bucket policy as S3 counts it: bytes
// without the white space between elements.
func BucketPolicySize(document []byte) int {
	n, inString := 0, false
	for i := 0; i < len(document); i++ {
		switch c := document[i]; {
		case inString && c == '\\':
			n++
			i++
		case c == '"':
			inString = !inString
		case !inString && (c == ' ' || c == '\t' || c == '\n' || c == '\r'):
			continue
		}
		n++
	}
	return n
}
