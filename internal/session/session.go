// Package session knows temporary credentials: what a session remembers of how
// it was made, and the session token that carries it. A token is the whole
// session, sealed: nothing is stored, and any process that has the key can open
// it.
//
// It does not know whether a session is still good: expiry, and whether its
// user or role still exists and may do anything, is for internal/access.
package session

import (
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/keywright/keywright/internal/secrets"
)

// Kind is how a session was made.
type Kind uint8

// The kinds of sessions.
const (
	AssumedRole   Kind = iota + 1 // AssumeRole and AssumeRoleWithWebIdentity
	SessionToken                  // GetSessionToken, of a user or of an account's root
	FederatedUser                 // GetFederationToken
)

// Tag is a session tag. It is the type of the directory's tags too.
type Tag = struct{ Key, Value string }

// Session is a set of temporary credentials with what they stand for. Times
// are kept to the second, in UTC.
type Session struct {
	Kind            Kind
	AccessKeyID     string // ASIA...
	SecretAccessKey string `json:"-"`
	AccountID       string
	Issued, Expires time.Time

	RoleID string // AssumedRole: AROA...
	UserID string // SessionToken, FederatedUser: AIDA..., or "" for the account's root

	SessionName    string // the role session name, or the federated user's name
	SourceIdentity string

	Policy     string   // the inline session policy as it was passed, or ""
	PolicyARNs []string // managed session policies

	Tags              []Tag
	TransitiveTagKeys []string
	Chained           bool // made with the credentials of another role session

	// MultiFactorAuth is when the user of a SessionToken proved a second factor;
	// zero when he did not.
	MultiFactorAuth time.Time

	// WebIdentity is whom an identity provider has vouched for, when the role was
	// assumed so; nil otherwise.
	WebIdentity *WebIdentity
}

// WebIdentity is what a session remembers of the token that it was made with:
// the claims that its requests have as condition keys ("Available keys for AWS
// OIDC federation", IAM User Guide).
type WebIdentity struct {
	ProviderARN       string   // arn:aws:iam::ACCOUNT:oidc-provider/NAME
	Subject, Audience string   // sub and aud
	Methods           []string // amr
}

// Name returns what the condition keys of the provider's claims begin with.
func (w *WebIdentity) Name() string {
	_, name, _ := strings.Cut(w.ProviderARN, ":oidc-provider/")
	return name
}

// New returns a session with a new access key, issued at a time and good for a
// duration. The caller fills in the rest.
func New(kind Kind, accountID string, issued time.Time, duration time.Duration) *Session {
	issued = issued.UTC().Truncate(time.Second)
	return &Session{
		Kind:            kind,
		AccessKeyID:     secrets.NewAccessKeyID("ASIA"),
		SecretAccessKey: secrets.NewSecretAccessKey(),
		AccountID:       accountID,
		Issued:          issued,
		Expires:         issued.Add(duration),
	}
}

// valid reports whether a session has what its kind must have.
func (s *Session) valid() bool {
	if s.AccessKeyID == "" || s.SecretAccessKey == "" || s.AccountID == "" || !s.Issued.Before(s.Expires) {
		return false
	}
	if w := s.WebIdentity; w != nil && (s.Kind != AssumedRole || w.Name() == "" || w.Subject == "" || w.Audience == "") {
		return false
	}
	switch s.Kind {
	case AssumedRole:
		return s.RoleID != "" && s.SessionName != "" && s.UserID == ""
	case SessionToken:
		return s.RoleID == ""
	case FederatedUser:
		return s.RoleID == "" && s.SessionName != ""
	}
	return false
}

// String names the session by its access key id. It shows no secret.
func (s *Session) String() string { return "session " + s.AccessKeyID }

// GoString is String.
func (s *Session) GoString() string { return s.String() }

// Format writes String, whatever the verb.
func (s *Session) Format(f fmt.State, _ rune) { fmt.Fprint(f, s.String()) }

// LogValue is String.
func (s *Session) LogValue() slog.Value { return slog.StringValue(s.String()) }
