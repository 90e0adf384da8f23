package iam

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/keywright/keywright/arn"
	"github.com/keywright/keywright/internal/awserr"
	"github.com/keywright/keywright/policy"
	"github.com/keywright/keywright/policy/lint"
)

// checkInline refuses what IAM refuses as an inline policy.
func checkInline(document string) error {
	_, findings := lint.Parse([]byte(document), lint.Identity, lint.Options{})
	return malformed(findings)
}

// checkManaged refuses what IAM refuses as a version of a managed policy.
func checkManaged(document string) error {
	_, findings := lint.Parse([]byte(document), lint.Identity, lint.Options{Managed: true})
	return malformed(findings)
}

// checkTrust refuses what IAM refuses as a trust policy, whoever is named in it.
func checkTrust(document string) error {
	_, findings := lint.Parse([]byte(document), lint.Trust, lint.Options{})
	return malformed(findings)
}

// malformed returns MalformedPolicyDocument for the finding that a document is
// refused with, or nil when there is none. Where IAM's words do not say what is
// wrong, the finding's and its place are added.
func malformed(findings []lint.Finding) error {
	i := slices.IndexFunc(findings, func(f lint.Finding) bool { return f.Severity == lint.Error })
	if i < 0 {
		return nil
	}
	f := findings[i]
	message := lint.IAMMessage(f)
	if strings.HasPrefix(message, "Syntax errors") || strings.HasSuffix(message, "legacy parsing") {
		message = fmt.Sprintf("%s %s: %s.", strings.TrimSuffix(message, ".")+".", f.Position, f.Message)
	}
	return awserr.MalformedPolicyDocument.WithMessage("%s", message)
}

// checkPrincipals refuses a trust policy that names a user or role of an
// account of this server that does not exist ("AWS JSON policy elements:
// Principal", IAM User Guide).
func (h *handlers) checkPrincipals(trust string) error {
	document, err := policy.Parse([]byte(trust))
	if err != nil {
		return err
	}
	for _, p := range document.Principals() {
		if p.Type != policy.AWS || !arn.Is(p.Value.Text) || strings.HasSuffix(p.Value.Text, ":root") {
			continue
		}
		if id, known := h.directory.PrincipalID(p.Value.Text); known && id == "" {
			return awserr.MalformedPolicyDocument.WithMessage("Invalid principal in policy: \"AWS\":%q", p.Value.Text)
		}
	}
	return nil
}

// encoded returns a document as answers carry it: percent-encoded (RFC 3986).
func encoded(document string) string {
	return strings.ReplaceAll(url.QueryEscape(document), "+", "%20")
}
