package access

import (
	"net/http"
	"net/netip"
	"strings"

	"github.com/keywright/keywright/internal/directory"
	"github.com/keywright/keywright/policy/condition"
	"github.com/keywright/keywright/policy/eval"
)

// requestKeys fills the keys that describe how a request came. The address is
// the connection's: what a client writes into a header is not believed.
func (a *Access) requestKeys(c *condition.Context, q *Query) {
	c.SetTime("aws:CurrentTime", q.Time)
	c.SetInt("aws:EpochTime", q.Time.Unix())
	c.SetBool("aws:SecureTransport", q.HTTP.TLS != nil)
	c.SetString("aws:RequestedRegion", a.region)
	c.SetBool("aws:ViaAWSService", false)
	if ap, err := netip.ParseAddrPort(q.HTTP.RemoteAddr); err == nil {
		c.SetIP("aws:SourceIp", ap.Addr().Unmap().WithZone(""))
	}
	setHeader(c, "aws:UserAgent", q.HTTP, "User-Agent")
	setHeader(c, "aws:Referer", q.HTTP, "Referer")
}

func setHeader(c *condition.Context, key string, r *http.Request, header string) {
	if values := r.Header.Values(header); len(values) > 0 {
		c.SetString(key, values[0])
	}
}

// principalKeys fills the keys that describe a caller. Those that AWS does not
// send for its kind stay absent: a role session has no aws:username, an
// anonymous caller no aws:PrincipalArn.
func principalKeys(c *condition.Context, caller *Caller) {
	c.SetString("aws:userid", caller.UserID)
	c.SetString("aws:PrincipalType", principalTypes[caller.Type])
	c.SetBool("aws:PrincipalIsAWSService", false)
	if caller.Anonymous() {
		return
	}
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
		c.SetBool("aws:MultiFactorAuthPresent", false)
		if s.SourceIdentity != "" {
			c.SetString("aws:SourceIdentity", s.SourceIdentity)
		}
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
