package eval

import (
	"net/netip"
	"strings"

	"github.com/keywright/keywright/arn"
	"github.com/keywright/keywright/policy"
	"github.com/keywright/keywright/policy/condition"
)

// Public reports whether the policy is public in the sense of "Blocking
// public access to your Amazon S3 storage": whether one of its Allow
// statements grants to anything but fixed principals without a condition that
// holds the caller to fixed values.
func (p *Policy) Public() bool { return p.public }

// PublicStatements returns the indexes of the statements that make the policy public.
func (p *Policy) PublicStatements() []int {
	var all []int
	for i := range p.statements {
		if p.statements[i].isPublic() {
			all = append(all, i)
		}
	}
	return all
}

// fixingKeys are the condition keys whose fixed values make a statement
// non-public. aws:SourceIp has its own rule.
var fixingKeys = []string{
	"aws:PrincipalArn", "aws:PrincipalAccount", "aws:PrincipalOrgID",
	"aws:SourceArn", "aws:SourceVpc", "aws:SourceVpce", "aws:SourceOwner", "aws:SourceAccount",
	"s3:DataAccessPointArn", "s3:DataAccessPointAccount",
}

func (s *statement) isPublic() bool {
	if s.effect != policy.Allow || !s.hasPrincipal {
		return false
	}
	open := s.notPrincipal
	for i := range s.principals {
		open = open || s.principals[i].form == anyPrincipal
	}
	if !open {
		return false
	}
	for _, c := range s.conditions {
		if isFixing(c) {
			return false
		}
	}
	return true
}

// isFixing reports whether a condition holds the caller to fixed values: a
// positive operator that fails on an absent key, a key of the list, and values
// without wildcard or variable.
func isFixing(c *condition.Condition) bool {
	op := c.Operator()
	if op.IfExists || op.IsNegated() || op.Qualifier == condition.ForAllValues || len(c.Values()) == 0 {
		return false
	}
	switch op.Name {
	case "IpAddress":
		return arn.EqualFold(c.Key(), "aws:SourceIp") && all(c.Values(), isNarrowNetwork)
	case "StringEquals", "StringEqualsIgnoreCase", "StringLike", "ArnEquals", "ArnLike":
	default:
		return false
	}
	switch {
	case arn.EqualFold(c.Key(), "s3:DataAccessPointArn"):
		return all(c.Values(), isAccessPointOfAccount)
	case arn.EqualFold(c.Key(), "aws:userid"):
		return all(c.Values(), isFixedUserID)
	}
	for _, key := range fixingKeys {
		if arn.EqualFold(c.Key(), key) {
			return all(c.Values(), isFixed)
		}
	}
	return false
}

func all(values []string, ok func(string) bool) bool {
	for _, v := range values {
		if !ok(v) {
			return false
		}
	}
	return true
}

// isFixed reports whether v is one value, and not that of every anonymous
// request: aws:PrincipalAccount and aws:userid are "anonymous" for those.
func isFixed(v string) bool {
	return v != "" && !strings.EqualFold(v, "anonymous") && !strings.ContainsAny(v, "*?") && !strings.Contains(v, "${")
}

// isFixedUserID reports whether v is a fixed aws:userid outside the pattern
// AROLEID:*, in which the part behind the colon is what a caller chose.
func isFixedUserID(v string) bool {
	return isFixed(v) && !(len(v) >= 4 && strings.EqualFold(v[:4], "AROA"))
}

// isAccessPointOfAccount reports whether v is an ARN of access points whose
// account is fixed; their name may be a pattern.
func isAccessPointOfAccount(v string) bool {
	a, err := arn.Parse(v)
	return err == nil && isFixed(a.Partition) && isFixed(a.Service) && isFixed(a.AccountID) && !strings.Contains(v, "${")
}

var privateNetworks = []netip.Prefix{
	netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("172.16.0.0/12"), netip.MustParsePrefix("192.168.0.0/16"),
}

// isNarrowNetwork reports whether v is no broader than /8 for IPv4 or /32 for
// IPv6, or lies in a private network.
func isNarrowNetwork(v string) bool {
	p, ok := condition.ParseNetwork(v)
	if !ok {
		return false
	}
	for _, private := range privateNetworks {
		if private.Contains(p.Addr()) && p.Bits() >= private.Bits() {
			return true
		}
	}
	if p.Addr().Is4() {
		return p.Bits() >= 8
	}
	return p.Bits() >= 32
}
