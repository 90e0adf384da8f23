package eval

import (
	"strings"

	"github.com/keywright/keywright/arn"
	"github.com/keywright/keywright/policy"
)

// reach is how a Principal element takes in a caller, which decides what an
// Allow in a resource policy overrides within the account ("Policy evaluation
// logic: Evaluating identity-based policies with resource-based policies").
// A larger reach overrides more.
type reach uint8

const (
	notReached     reach = iota
	throughAccount       // delegates to the account: nothing is overridden
	throughIssuer        // names the role of a session: overrides identity policies
	direct               // names the caller itself: overrides boundary and session policies too
)

// principal is one compiled name of a Principal element.
type principal struct {
	form      principalForm
	name      string // ARN, account id, unique id, canonical user id or service
	partition string // of an account that is named by its ARN
	uniqueID  string // when set, the ARN stands for the principal with this id, whatever it is called now
}

type principalForm uint8

const (
	anyPrincipal principalForm = iota
	accountPrincipal
	arnPrincipal     // a user or a role
	sessionPrincipal // one session, by its ARN
	idPrincipal
	canonicalPrincipal
	servicePrincipal
	providerPrincipal
)

// reaches reports how the name takes in the caller.
func (p *principal) reaches(c *Principal) reach {
	if p.form == anyPrincipal {
		return throughIssuer
	}
	switch c.Type {
	case Anonymous:
		return notReached
	case Service:
		return when(p.form == servicePrincipal && arn.EqualFold(p.name, c.ServiceName), direct)
	case FederatedIdentity:
		return when(p.form == providerPrincipal && p.name == c.ARN, direct)
	}
	switch p.form {
	case accountPrincipal:
		return when(p.name == c.AccountID && (p.partition == "" || p.partition == c.partition()), throughAccount)
	case canonicalPrincipal:
		return when(p.name == c.CanonicalUserID, throughAccount)
	case idPrincipal:
		return p.named(c, p.name == c.UniqueID, false)
	case arnPrincipal:
		if p.uniqueID != "" {
			return p.named(c, p.uniqueID == c.UniqueID, false)
		}
		return p.named(c, p.name == c.IssuerARN, p.name == c.ARN)
	case sessionPrincipal:
		return when(p.name == c.ARN && (p.uniqueID == "" || p.uniqueID == c.UniqueID), direct)
	}
	return notReached
}

// partition returns the partition of the principal's ARN.
func (p *Principal) partition() string {
	rest, _ := strings.CutPrefix(p.ARN, "arn:")
	partition, _, _ := strings.Cut(rest, ":")
	return partition
}

// hasRootPermissions reports whether the principal is the account's root or a
// federated user whose session the root made: neither has identity policies
// ("AWS JSON policy elements: Principal", federated root user).
func (p *Principal) hasRootPermissions() bool {
	return p.Type == Root || p.Type == FederatedUser && strings.HasSuffix(p.IssuerARN, ":root")
}

// isServiceLinkedRole reports whether an ARN is that of a role that a service
// made for itself: only such roles have the path /aws-service-role/.
func isServiceLinkedRole(role string) bool {
	for range 5 {
		_, role, _ = strings.Cut(role, ":")
	}
	return strings.HasPrefix(role, "role/aws-service-role/")
}

// named tells the reach of a name that is the caller's own, or its issuer's.
func (p *principal) named(c *Principal, issuer, own bool) reach {
	switch {
	case own, issuer && c.Type == User:
		return direct
	case issuer:
		return throughIssuer
	}
	return notReached
}

// excepts reports whether a name of a NotPrincipal element excepts the caller.
// It is read literally: an account's name excepts the account's root and no
// other principal of the account ("AWS JSON policy elements: NotPrincipal").
func (p *principal) excepts(c *Principal) bool {
	how := p.reaches(c)
	return how > throughAccount || how == throughAccount && c.Type == Root
}

func when(ok bool, r reach) reach {
	if ok {
		return r
	}
	return notReached
}

// compilePrincipals compiles a Principal or NotPrincipal element. ids binds
// ARNs to unique ids.
func compilePrincipals(e *policy.Principals, ids map[string]string) ([]principal, *policy.Error) {
	if e.Any.IsPresent() {
		return []principal{{form: anyPrincipal}}, nil
	}
	list := make([]principal, 0, len(e.List))
	for i := range e.List {
		p, why := parsePrincipal(&e.List[i])
		if why != "" {
			v := e.List[i].Value
			return nil, &policy.Error{Position: v.Position, Code: InvalidPrincipal, Value: v.Text, Message: why}
		}
		if p.form == arnPrincipal || p.form == sessionPrincipal {
			p.uniqueID = ids[p.name]
		}
		list = append(list, p)
	}
	return list, nil
}

// CheckPrincipal returns why no policy can name p, or "" when one can. It does
// not know whether the principal exists.
func CheckPrincipal(p policy.Principal) string {
	_, why := parsePrincipal(&p)
	return why
}

func parsePrincipal(p *policy.Principal) (principal, string) {
	name := p.Value.Text
	if p.Type == policy.AWS && name == "*" {
		return principal{form: anyPrincipal}, ""
	}
	if name == "" || strings.ContainsAny(name, "*?$") {
		return principal{}, "a principal is named in full, without wildcards or variables"
	}
	switch p.Type {
	case policy.AWS:
		return parseAWSPrincipal(name)
	case policy.Service:
		return principal{form: servicePrincipal, name: name}, ""
	case policy.CanonicalUser:
		return principal{form: canonicalPrincipal, name: name}, ""
	case policy.Federated:
		return principal{form: providerPrincipal, name: name}, ""
	}
	return principal{}, "not a type of principal"
}

// parseAWSPrincipal reads an account id, an ARN or a unique id.
func parseAWSPrincipal(name string) (principal, string) {
	if arn.IsAccountID(name) {
		return principal{form: accountPrincipal, name: name}, ""
	}
	if isUniqueID(name) {
		return principal{form: idPrincipal, name: name}, ""
	}
	a, err := arn.Parse(name)
	if err != nil || a.Region != "" || !arn.IsAccountID(a.AccountID) {
		return principal{}, "not an account id, nor the ARN of a principal"
	}
	kind, rest, _ := strings.Cut(a.Resource, "/")
	switch {
	case a.Service == "iam" && a.Resource == "root":
		return principal{form: accountPrincipal, name: a.AccountID, partition: a.Partition}, ""
	case a.Service == "iam" && (kind == "user" || kind == "role") && rest != "":
		return principal{form: arnPrincipal, name: name}, ""
	case a.Service == "sts" && kind == "federated-user" && rest != "",
		a.Service == "sts" && kind == "assumed-role" && isSessionName(rest):
		return principal{form: sessionPrincipal, name: name}, ""
	}
	return principal{}, "only accounts, users, roles and their sessions are principals"
}

func isSessionName(s string) bool {
	role, session, ok := strings.Cut(s, "/")
	return ok && role != "" && session != ""
}

// isUniqueID reports whether s is the unique id of a user or role.
func isUniqueID(s string) bool {
	if len(s) < 16 || !strings.HasPrefix(s, "AIDA") && !strings.HasPrefix(s, "AROA") {
		return false
	}
	return strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == ""
}
