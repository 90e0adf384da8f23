package s3

import (
	"strings"
	"testing"

	"github.com/keywright/keywright/facts"
)

// notAsked are permissions that AWS's documentation lists for operations and
// that are not asked for, by operation and action, with the reason.
var notAsked = map[string]string{
	"CreateMultipartUpload kms:Decrypt": "the parts and the completion need it (CreateMultipartUpload, API Reference)",
}

// askedBesides are permissions that are asked for and that the facts do not
// list, with the reason. s3:ListBucket, without which a caller is not told that
// an object does not exist, is not among them.
var askedBesides = map[string]string{
	"HeadObject s3:GetObjectTagging":        "x-amz-tagging-count is told to who may read the tags (HeadObject, API Reference)",
	"HeadObject s3:GetObjectVersionTagging": "x-amz-tagging-count is told to who may read the tags (HeadObject, API Reference)",
	"DeleteObjects s3:GetObject":            "of a key with an ETag, as for DeleteObject (How to perform conditional deletes)",
}

// checkNeeds holds the permissions that operations asked for in the stories
// against those that AWS documents.
func checkNeeds(t *testing.T, asked map[string]map[string]bool) {
	served := map[string]bool{}
	for _, r := range (&S3{}).rows() {
		name := r.operation.Name
		served[name] = true
		operation, ok := facts.LookupOperation("s3", name)
		if !ok {
			t.Errorf("%s is no operation of S3", name)
			continue
		}
		documented := checkDocumented(t, operation, asked[name])
		for action := range asked[name] {
			if !documented[action] && askedBesides[name+" "+action] == "" && action != "s3:ListBucket" {
				t.Errorf("%s needs %s, which is not documented", name, action)
			}
		}
	}
	for name, actions := range asked {
		if !strings.HasSuffix(name, " (Account)") {
			continue
		}
		operation, ok := facts.LookupOperation("s3control", name)
		if !ok || len(actions) != 1 || len(operation.Checks) != 1 || !actions[operation.Checks[0].Action] {
			t.Errorf("%s asks for %v, and %+v is documented", name, actions, operation)
		}
		served[name] = true
	}
	if len(served) < 35 {
		t.Errorf("%d operations: too few to prove anything", len(served))
	}
}

// checkDocumented reports what is documented for an operation and was never
// asked for, and returns what is documented.
func checkDocumented(t *testing.T, o *facts.Operation, asked map[string]bool) map[string]bool {
	documented := map[string]bool{}
	for _, c := range o.Checks {
		if c.OnMissing == "doc-only" || !strings.HasPrefix(c.Action, "s3:") && !strings.HasPrefix(c.Action, "kms:") {
			continue
		}
		for _, action := range []string{c.Action, c.VersionAction} {
			if action == "" {
				continue
			}
			documented[action] = true
			reason := notAsked[o.Name+" "+action]
			if asked[action] == (reason != "") {
				t.Errorf("%s and %s: asked for %v, reason not to %q", o.Name, action, asked[action], reason)
			}
		}
	}
	return documented
}
