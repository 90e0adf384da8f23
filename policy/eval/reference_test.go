package eval

import (
	"encoding/base64"
	"math/big"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/keywright/keywright/policy"
	"github.com/keywright/keywright/policy/condition"
)

// This file is a second evaluator, slow and plain: it reads the document as it
// stands, with regular expressions and no index, and shares no code with the
// one that it checks but the parser and the context.

// plainDecide follows "Policy evaluation logic" step by step.
func plainDecide(r *Request, p *Policies) Effect {
	who := r.Principal.Type
	isPerson := who == Root || who == User || who == AssumedRole || who == FederatedUser
	sameAccount := r.ResourceAccount == "" || r.ResourceAccount == r.Principal.AccountID
	var everything []*Policy
	organization := plainOrganization(r, p, isPerson)
	for _, level := range organization {
		everything = append(everything, level...)
	}
	everything = append(append(everything, p.Identity...), p.Session...)
	if p.Boundary != nil {
		everything = append(everything, p.Boundary)
	}
	action := strings.ToLower(r.Action)
	ownersPolicy := who == Root && sameAccount && slices.Contains([]string{"s3:getbucketpolicy", "s3:putbucketpolicy", "s3:deletebucketpolicy"}, action)
	if p.Resource != nil && !ownersPolicy {
		everything = append(everything, p.Resource)
	}
	for _, of := range everything {
		if len(plainMatches(of, policy.Deny, r, p)) > 0 {
			return ExplicitDeny
		}
	}
	if p.RestrictPublicBuckets && p.Resource != nil && p.Resource.Public() && who != Service && !(isPerson && sameAccount) {
		return ExplicitDeny
	}
	allows := func(list []*Policy) bool {
		for _, of := range list {
			if len(plainMatches(of, policy.Allow, r, p)) > 0 {
				return true
			}
		}
		return false
	}
	for _, level := range organization {
		if !allows(level) {
			return ImplicitDeny
		}
	}
	named := map[string]bool{}
	if p.Resource != nil {
		for _, how := range plainMatches(p.Resource, policy.Allow, r, p) {
			named[how] = true
		}
	}
	fromRoot := who == FederatedUser && r.Principal.IssuerARN == "arn:aws:iam::"+r.Principal.AccountID+":root"
	identity := who == Root || fromRoot || allows(p.Identity)
	boundary := p.Boundary == nil || allows([]*Policy{p.Boundary})
	session := !p.HasSession && len(p.Session) == 0 || allows(p.Session)
	ok := false
	switch {
	case !isPerson:
		ok = len(named) > 0
	case !sameAccount:
		ok = len(named) > 0 && identity && boundary && session
	case named["itself"]:
		ok = true
	case named["its role"] || named["anyone"]:
		ok = boundary && session
	case p.Resource != nil && p.Resource.Type() == Trust:
		ok = named["its account"] && identity && boundary && session
	default:
		ok = identity && boundary && session
	}
	if ok {
		return Allowed
	}
	return ImplicitDeny
}

// plainOrganization returns the levels of the organization's policies that
// apply: all, but to service-linked roles none.
func plainOrganization(r *Request, p *Policies, isPerson bool) [][]*Policy {
	linked := regexp.MustCompile(`^arn:[^:]*:iam:[^:]*:[^:]*:role/aws-service-role/`)
	if r.Principal.Type == AssumedRole && linked.MatchString(r.Principal.IssuerARN) {
		return nil
	}
	var levels [][]*Policy
	isAssumed := p.Resource != nil && p.Resource.Type() == Trust && linked.MatchString(r.Resource)
	if !isAssumed || r.Principal.Type != Service {
		levels = append(levels, p.ResourceControl...)
	}
	if isPerson {
		levels = append(levels, p.ServiceControl...)
	}
	return levels
}

// plainMatches returns, for each matching statement, how it names the caller.
func plainMatches(of *Policy, effect policy.Effect, r *Request, p *Policies) (how []string) {
	doc := of.Document()
	for i := range doc.Statements {
		s := &doc.Statements[i]
		if s.Effect != effect || !plainAction(s, r) || of.Type() != Trust && !plainResource(s, r, doc.HasVariables()) {
			continue
		}
		name := plainPrincipal(s, of, r, p.Boundary != nil)
		if name != "" && plainConditions(s, r, doc.HasVariables()) {
			how = append(how, name)
		}
	}
	return how
}

// glob turns a pattern into a regular expression. dot is what a wildcard
// stands for.
func glob(pattern, dot string, variables bool, c *condition.Context) (string, bool) {
	var b strings.Builder
	for pattern != "" {
		if variables && strings.HasPrefix(pattern, "${") {
			body := pattern[2:strings.Index(pattern, "}")]
			rest := pattern[strings.Index(pattern, "}")+1:]
			key, fallback, hasDefault := strings.Cut(body, ",")
			value, ok := c.Resolve(strings.TrimSpace(key))
			if body == "*" || body == "?" || body == "$" {
				value, ok = body, true
			}
			if !ok && hasDefault {
				value, ok = strings.Trim(strings.TrimSpace(fallback), "'"), true
			}
			if !ok {
				return "", false
			}
			b.WriteString(regexp.QuoteMeta(value))
			pattern = rest
			continue
		}
		switch pattern[0] {
		case '*':
			b.WriteString(dot + "*")
		case '?':
			b.WriteString(dot)
		default:
			b.WriteString(regexp.QuoteMeta(pattern[:1]))
		}
		pattern = pattern[1:]
	}
	return b.String(), true
}

func matches(expression, text string) bool {
	return regexp.MustCompile("(?s)^(?:" + expression + ")$").MatchString(text)
}

func plainLower(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}

func plainAction(s *policy.Statement, r *Request) bool {
	list, not := s.Action, false
	if list == nil {
		list, not = s.NotAction, true
	}
	for _, v := range list.List {
		expression, _ := glob(plainLower(v.Text), ".", false, nil)
		if matches(expression, plainLower(r.Action)) {
			return !not
		}
	}
	return not
}

func plainResource(s *policy.Statement, r *Request, variables bool) bool {
	list, not := s.Resource, false
	if list == nil {
		list, not = s.NotResource, true
	}
	unresolved := false
	for _, v := range list.List {
		if _, ok := plainExpand(v.Text, variables, r.Context); !ok {
			unresolved = true
		} else if plainARN(v.Text, r.Resource, variables, r.Context) || r.Resource == "*" && plainWhole(v.Text, r.Action) {
			return !not
		}
	}
	return not && (!unresolved || s.Effect == policy.Deny)
}

// plainWhole reports whether a pattern covers an action without resources.
func plainWhole(pattern, action string) bool {
	service, _, _ := strings.Cut(action, ":")
	f := strings.SplitN(pattern, ":", 6)
	return len(f) == 6 && (f[2] == service || f[2] == "*") && (f[3] == "" || f[3] == "*") && (f[4] == "" || f[4] == "*") && f[5] == "*"
}

func plainARN(pattern, text string, variables bool, c *condition.Context) bool {
	if pattern == "*" {
		return true
	}
	f, t := strings.SplitN(pattern, ":", 6), strings.SplitN(text, ":", 6)
	if len(f) != 6 || len(t) != 6 {
		return false
	}
	for i := range f {
		expression, ok := glob(f[i], ".", variables, c)
		if !ok || !matches(expression, t[i]) {
			return false
		}
	}
	return true
}

// plainPrincipal says how a statement names the caller: "itself", "its role",
// "its account", "anyone", or "" for not at all.
func plainPrincipal(s *policy.Statement, of *Policy, r *Request, hasBoundary bool) string {
	if s.Principal == nil && s.NotPrincipal == nil {
		return "itself"
	}
	c := &r.Principal
	if s.NotPrincipal != nil {
		for _, p := range s.NotPrincipal.List {
			how := plainName(p, of, c)
			excepted := how == "itself" || how == "its role" || how == "anyone" || how == "its account" && c.Type == Root
			if excepted && !hasBoundary {
				return ""
			}
		}
		return "itself"
	}
	best := ""
	order := []string{"", "its account", "anyone", "its role", "itself"}
	consider := func(how string) {
		if how == "anyone" && plainNamesPrincipalARN(s) {
			how = "itself"
		}
		if slices.Index(order, how) > slices.Index(order, best) {
			best = how
		}
	}
	if s.Principal.Any.IsPresent() {
		consider("anyone")
	}
	for _, p := range s.Principal.List {
		consider(plainName(p, of, c))
	}
	return best
}

func plainNamesPrincipalARN(s *policy.Statement) bool {
	for _, op := range s.Condition {
		for _, k := range op.Keys {
			if strings.EqualFold(k.Name.Text, "aws:PrincipalArn") && !strings.Contains(op.Name.Text, "Not") && op.Name.Text != "Null" {
				return true
			}
		}
	}
	return false
}

func plainName(p policy.Principal, of *Policy, c *Principal) string {
	name := p.Value.Text
	isPerson := c.Type == Root || c.Type == User || c.Type == AssumedRole || c.Type == FederatedUser
	switch {
	case p.Type == policy.AWS && name == "*":
		return "anyone"
	case p.Type == policy.Service:
		if c.Type == Service && strings.EqualFold(name, c.ServiceName) {
			return "itself"
		}
	case p.Type == policy.Federated:
		if c.Type == FederatedIdentity && name == c.ARN {
			return "itself"
		}
	case !isPerson:
	case p.Type == policy.CanonicalUser:
		if name == c.CanonicalUserID {
			return "its account"
		}
	case name == c.AccountID:
		return "its account"
	case strings.HasSuffix(name, ":root"):
		f := strings.Split(c.ARN, ":")
		if name == "arn:"+f[1]+":iam::"+c.AccountID+":root" {
			return "its account"
		}
	case plainBound(of, name) != "" && plainBound(of, name) != c.UniqueID:
	case plainBound(of, name) != "" && !strings.Contains(name, ":sts:"): // whatever its name is now
		if c.Type == User {
			return "itself"
		}
		return "its role"
	case name == c.ARN, c.Type == User && name == c.UniqueID:
		return "itself"
	case name == c.IssuerARN, name == c.UniqueID:
		return "its role"
	}
	return ""
}

// plainBound returns the unique id that a name was bound to.
func plainBound(of *Policy, name string) string {
	for i := range of.statements {
		for _, p := range of.statements[i].principals {
			if (p.form == arnPrincipal || p.form == sessionPrincipal) && p.name == name {
				return p.uniqueID
			}
		}
	}
	return ""
}

func plainConditions(s *policy.Statement, r *Request, variables bool) bool {
	for _, op := range s.Condition {
		for _, k := range op.Keys {
			if len(k.Values.List) == 0 {
				if s.Effect == policy.Allow {
					return false
				}
			} else if !plainCondition(op.Name.Text, k, r.Context, variables) {
				return false
			}
		}
	}
	return true
}

func plainCondition(operator string, k policy.Key, c *condition.Context, variables bool) bool {
	value, isPresent := c.Lookup(k.Name.Text)
	name, exists := strings.CutSuffix(operator, "IfExists")
	set, base, hasSet := strings.Cut(name, ":")
	if !hasSet {
		base = set
	}
	any := func(ok func(want string) bool) bool {
		return slices.ContainsFunc(k.Values.List, func(v policy.Value) bool { return ok(v.Text) })
	}
	isNull := !isPresent || strings.Join(value.Strings(), "") == ""
	if base == "Null" {
		return any(func(want string) bool { return strings.EqualFold(want, "true") == isNull })
	}
	negated := strings.Contains(base, "Not")
	base = strings.Replace(base, "Not", "", 1)
	switch {
	case !isPresent && exists:
		return true
	case hasSet && isNull:
		return set == "ForAllValues"
	case !isPresent:
		return negated
	}
	holds := func(have string) bool {
		return any(func(want string) bool { return plainCompare(base, have, want, c, variables) }) != negated
	}
	texts := value.Strings()
	if hasSet && set == "ForAllValues" || !hasSet && negated {
		return !slices.ContainsFunc(texts, func(s string) bool { return !holds(s) })
	}
	return slices.ContainsFunc(texts, holds)
}

func plainCompare(base, have, want string, c *condition.Context, variables bool) bool {
	switch base {
	case "StringLike":
		expression, ok := glob(want, ".", variables, c)
		return ok && matches(expression, have)
	case "StringEquals", "StringEqualsIgnoreCase":
		text, ok := plainExpand(want, variables, c)
		return ok && (text == have || base == "StringEqualsIgnoreCase" && strings.EqualFold(text, have))
	case "ArnEquals", "ArnLike":
		return strings.Count(have, ":") >= 5 && plainARN(want, have, variables, c)
	case "Bool":
		return strings.EqualFold(have, want)
	case "BinaryEquals":
		data, err := base64.StdEncoding.DecodeString(want)
		return err == nil && string(data) == have
	case "IpAddress":
		a, err := netip.ParseAddr(have)
		if err != nil {
			return false
		}
		if !strings.Contains(want, "/") {
			b, err := netip.ParseAddr(want)
			return err == nil && a == b
		}
		n, err := netip.ParsePrefix(want)
		return err == nil && n.Contains(a)
	}
	if comparison, ok := strings.CutPrefix(base, "Numeric"); ok {
		a, ok1 := new(big.Rat).SetString(have)
		b, ok2 := new(big.Rat).SetString(want)
		return ok1 && ok2 && plainOrder(comparison, a.Cmp(b))
	}
	comparison := strings.TrimPrefix(base, "Date")
	a, ok1 := plainTime(have)
	b, ok2 := plainTime(want)
	return ok1 && ok2 && plainOrder(comparison, a.Compare(b))
}

// plainTime reads a time of ISO 8601, or the seconds of an epoch time.
func plainTime(s string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, true
		}
	}
	seconds, err := strconv.ParseInt(s, 10, 64)
	return time.Unix(seconds, 0), err == nil
}

func plainOrder(comparison string, order int) bool {
	switch comparison {
	case "Equals":
		return order == 0
	case "LessThan":
		return order < 0
	case "LessThanEquals":
		return order <= 0
	case "GreaterThan":
		return order > 0
	}
	return order >= 0
}

// plainExpand puts the values of the variables into a text without wildcards.
func plainExpand(s string, variables bool, c *condition.Context) (string, bool) {
	if !variables {
		return s, true
	}
	ok := true
	out := regexp.MustCompile(`\$\{[^}]*\}`).ReplaceAllStringFunc(s, func(v string) string {
		key, fallback, hasDefault := strings.Cut(v[2:len(v)-1], ",")
		if key == "*" || key == "?" || key == "$" {
			return key
		}
		value, found := c.Resolve(strings.TrimSpace(key))
		if !found {
			value = strings.Trim(strings.TrimSpace(fallback), "'")
		}
		ok = ok && (found || hasDefault)
		return value
	})
	return out, ok
}
