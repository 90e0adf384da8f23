package iam

import (
	"net/url"
	"strings"

	"github.com/keywright/keywright/arn"
	"github.com/keywright/keywright/internal/awserr"
	"github.com/keywright/keywright/internal/query"
	"github.com/keywright/keywright/policy"
	"github.com/keywright/keywright/policy/lint"
)

// checkInline refuses what IAM refuses as an inline policy.
func checkInline(document string) error {
	_, findings := lint.Parse([]byte(document), lint.Identity, lint.Options{})
	return query.RefuseDocument(findings)
}

// checkManaged refuses what IAM refuses as a version of a managed policy.
func checkManaged(document string) error {
	_, findings := lint.Parse([]byte(document), lint.Identity, lint.Options{Managed: true})
	return query.RefuseDocument(findings)
}

// checkTrust refuses what IAM refuses as a trust policy, whoever is named in it.
func checkTrust(document string) error {
	_, findings := lint.Parse([]byte(document), lint.Trust, lint.Options{})
	return query.RefuseDocument(findings)
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
