package access

import (
	"strings"
	"time"

	"github.com/keywright/keywright/internal/directory"
	"github.com/keywright/keywright/internal/session"
	"github.com/keywright/keywright/policy/condition"
	"github.com/keywright/keywright/policy/eval"
)

// requestKeys fills the keys that describe how a request came. Of what a client
// could write itself only the two headers count that AWS documents so.
func (a *Access) requestKeys(c *condition.Context, q *Query) {
	c.SetTime("aws:CurrentTime", q.Time)
	c.SetInt("aws:EpochTime", q.Time.Unix())
	c.SetBool("aws:SecureTransport", q.Client.Secure)
	c.SetString("aws:RequestedRegion", a.requestedRegion(q))
	c.SetBool("aws:ViaAWSService", false)
	if q.Client.Address.IsValid() {
		c.SetIP("aws:SourceIp", q.Client.Address)
	}
	c.SetString("aws:UserAgent", header(q.HTTP.Header["User-Agent"])) // always there
	if referer := q.HTTP.Header["Referer"]; referer != nil {
		c.SetString("aws:Referer", header(referer))
	}
}

// requestedRegion is that of the endpoint that was called: IAM has one for the
// whole world.
func (a *Access) requestedRegion(q *Query) string {
	if strings.HasPrefix(q.Need.Action, "iam:") {
		return "us-east-1"
	}
	return a.region
}

// header returns the value of a header, and of one that is given more than once
// all of them, as a signature has them.
func header(values []string) string {
	if len(values) == 1 {
		return values[0]
	}
	return strings.Join(values, ",")
}

// principalKeys fills the keys that describe a caller. Those that AWS does not
// send for its kind stay absent: a role session has no aws:username, a federated
// user no aws:MultiFactorAuthPresent.
func principalKeys(c *condition.Context, caller *Caller, now time.Time) {
	if caller.Federated() {
		federatedKeys(c, caller)
		return
	}
	c.SetString("aws:userid", caller.UserID)
	c.SetString("aws:PrincipalType", principalTypes[caller.Type])
	if caller.Anonymous() {
		c.SetString("aws:PrincipalAccount", "anonymous")
		return
	}
	c.SetBool("aws:PrincipalIsAWSService", false)
	c.SetString("aws:PrincipalAccount", caller.AccountID)
	c.SetString("aws:PrincipalArn", principalARN(caller))
	if caller.UserName != "" {
		c.SetString("aws:username", caller.UserName)
	}
	for _, t := range caller.tags {
		c.SetString("aws:PrincipalTag/"+t.Key, t.Value)
	}
	if s := caller.Session; s != nil {
		c.SetTime("aws:TokenIssueTime", s.Issued)
		if s.Kind != session.FederatedUser && s.WebIdentity == nil {
			c.SetBool("aws:MultiFactorAuthPresent", !s.MultiFactorAuth.IsZero())
			if !s.MultiFactorAuth.IsZero() {
				c.SetInt("aws:MultiFactorAuthAge", int64(now.Sub(s.MultiFactorAuth)/time.Second))
			}
		}
		if w := s.WebIdentity; w != nil {
			webIdentityKeys(c, w)
		}
		if s.SourceIdentity != "" {
			c.SetString("aws:SourceIdentity", s.SourceIdentity)
		}
	}
}

// webIdentityKeys fills the keys that a session has of the token that it was made
// with.
func webIdentityKeys(c *condition.Context, w *session.WebIdentity) {
	name := w.Name()
	c.SetString("aws:FederatedProvider", w.ProviderARN)
	c.SetString(name+":sub", w.Subject)
	c.SetString(name+":aud", w.Audience)
	if len(w.Methods) > 0 {
		c.SetStrings(name+":amr", w.Methods)
	}
}

var principalTypes = map[eval.PrincipalType]string{
	eval.Anonymous:     "Anonymous",
	eval.Root:          "Account",
	eval.User:          "User",
	eval.AssumedRole:   "AssumedRole",
	eval.FederatedUser: "FederatedUser",
}

// principalARN is aws:PrincipalArn: for a role's session it is the role's ARN.
func principalARN(c *Caller) string {
	if c.Type == eval.AssumedRole {
		return c.principal.IssuerARN
	}
	return c.ARN
}

func hasTag(tags []directory.Tag, key string) bool {
	for _, t := range tags {
		if strings.EqualFold(t.Key, key) {
			return true
		}
	}
	return false
}
