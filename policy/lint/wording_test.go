package lint

import (
	"slices"
	"strings"
	"testing"
)

// TestPlaceholderAdvice says of each placeholder what belongs there: an ARN is no
// external ID.
func TestPlaceholderAdvice(t *testing.T) {
	const trust = `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": {"AWS": "YOUR-ACCOUNT-ID"}, "Action": "sts:AssumeRole",
"Condition": {"StringEquals": {"sts:ExternalId": "GENERATED-EXTERNAL-ID"}}}}`
	want := map[string]string{"YOUR-ACCOUNT-ID": "who is meant", "GENERATED-EXTERNAL-ID": "the value that sts:ExternalId is to have"}
	_, found := Validate([]byte(trust), Trust, Options{})
	for _, f := range found {
		if f.Code != Placeholder {
			continue
		}
		if advice, ok := want[f.Value]; !ok || !strings.Contains(f.Advice, advice) {
			t.Errorf("%s: %q, want %q", f.Value, f.Advice, advice)
		}
		delete(want, f.Value)
	}
	if len(want) > 0 {
		t.Errorf("not found: %v", want)
	}
}

// TestSidOfUploads: a Sid may name what the actions are about.
func TestSidOfUploads(t *testing.T) {
	for sid, contradicts := range map[string]bool{"Uploads": false, "ListUploads": false, "UnfinishedUploads": false, "DeleteUploads": true, "PutObjects": true} {
		policy := `{"Version": "2012-10-17", "Statement": {"Sid": "` + sid + `", "Effect": "Allow", "Action": "s3:ListBucketMultipartUploads", "Resource": "arn:aws:s3:::b"}}`
		_, found := Validate([]byte(policy), Identity, Options{})
		if is := slices.ContainsFunc(found, func(f Finding) bool { return f.Code == SidContradicts }); is != contradicts {
			t.Errorf("%s: found is %t, want %t", sid, is, contradicts)
		}
	}
}
