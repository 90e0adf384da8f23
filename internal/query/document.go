package query

import (
	"slices"
	"strings"

	"github.com/keywright/keywright/internal/awserr"
	"github.com/keywright/keywright/policy/lint"
)

// RefuseDocument returns MalformedPolicyDocument for the first of the findings
// that a policy document is refused for, or nil when there is none. Where AWS's
// words do not say what is wrong, the finding's and its place are added.
func RefuseDocument(findings []lint.Finding) error {
	i := slices.IndexFunc(findings, func(f lint.Finding) bool { return f.Severity == lint.Error })
	if i < 0 {
		return nil
	}
	f := findings[i]
	message := lint.IAMMessage(f)
	if strings.HasPrefix(message, "Syntax errors") || strings.HasSuffix(message, "legacy parsing") {
		message = strings.TrimSuffix(message, ".") + ". " + f.Position.String() + ": " + f.Message + "."
	}
	return awserr.MalformedPolicyDocument.WithMessage("%s", message)
}
