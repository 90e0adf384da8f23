package eval

import (
	"encoding/base64"
	"math"
	"math/big"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
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
	if p.RestrictPublicBuckets && p.Resource != nil && plainPublic(p.Resource) && who != Service && !(isPerson && sameAccount) {
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
	policyCounts, ownerAsks, granted := plainACL(r, p)
	sameAccount = ownerAsks
	if granted != "" {
		named[granted] = true
	}
	if p.Resource != nil && policyCounts {
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
	case p.Resource != nil && (p.Resource.Type() == Trust || p.Resource.Type() == KeyPolicy):
		ok = named["its account"] && identity && boundary && session
	default:
		ok = identity && boundary && session
	}
	if ok {
		return Allowed
	}
	return ImplicitDeny
}

// plainACL says whether the Allow statements of the bucket policy count, whether
// the owner of what is asked for is the caller's account, and whom a grant of an
// ACL names.
func plainACL(r *Request, p *Policies) (policyCounts, ownerAsks bool, named string) {
	ownerAsks = r.ResourceAccount == "" || r.ResourceAccount == r.Principal.AccountID
	a := p.ACLs
	if a == nil {
		return true, ownerAsks, ""
	}
	action := strings.TrimPrefix(plainLower(r.Action), "s3:")
	caller := r.Principal.CanonicalUserID
	const nobody = "65a011a29cdf8ec533ec3d1ccaae921c"
	if r.Principal.Type == Anonymous {
		caller = nobody
	}
	list, object := a.Bucket, false
	var permissions []string
	switch action {
	case "listbucket", "listbucketversions", "listbucketmultipartuploads":
		permissions = []string{"READ"}
	case "putobject":
		if a.NoObject || a.Object != nil && a.Object.Owner == caller {
			permissions = []string{"WRITE"}
		}
	case "deleteobject":
		if a.Object != nil && a.Object.Owner == caller {
			permissions = []string{"WRITE"}
		}
	case "getbucketacl":
		permissions = []string{"READ_ACP"}
	case "putbucketacl":
		permissions = []string{"WRITE_ACP"}
	case "getobject", "getobjectversion":
		object, permissions = true, []string{"READ"}
	case "getobjectacl", "getobjectversionacl":
		object, permissions = true, []string{"READ_ACP"}
	case "putobjectacl", "putobjectversionacl":
		object, permissions = true, []string{"WRITE_ACP"}
	case "getobjectattributes", "getobjectversionattributes", "getobjecttorrent", "getobjectversiontorrent":
		object = true
	default:
		return true, ownerAsks, ""
	}
	policyCounts = true
	if object {
		if a.NoObject {
			return true, ownerAsks, "its account"
		}
		if list = a.Object; list == nil {
			return false, false, ""
		}
		if list.Owner != a.Bucket.Owner {
			policyCounts, ownerAsks = false, list.Owner == r.Principal.CanonicalUserID
		}
	}
	public := false
	for _, g := range list.Grants {
		everyone, account := strings.HasSuffix(g.Grantee, "/AllUsers"), strings.HasSuffix(g.Grantee, "/AuthenticatedUsers")
		public = public || everyone || account || g.Grantee == nobody && list.Owner != nobody
		if len(permissions) == 0 || g.Permission.String() != permissions[0] && g.Permission.String() != "FULL_CONTROL" {
			continue
		}
		logs := strings.HasSuffix(g.Grantee, "/LogDelivery") && r.Principal.Type == Service && plainLower(r.Principal.ServiceName) == "logging.s3.amazonaws.com"
		switch {
		case everyone:
			named = "anyone"
		case named == "" && (account && r.Principal.AccountID != "" && r.Principal.Type != Anonymous || logs || g.Grantee == caller && caller != ""):
			named = "its account"
		}
	}
	if a.IgnorePublic && (public || r.Principal.Type == Anonymous) {
		named = ""
	}
	return policyCounts, ownerAsks, named
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
			ok = ok && value != ""
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

// expressions keeps some of what was compiled, which takes far longer than a
// match.
var (
	expressions sync.Map
	kept        atomic.Int64
)

func matches(expression, text string) bool {
	if compiled, ok := expressions.Load(expression); ok {
		return compiled.(*regexp.Regexp).MatchString(text)
	}
	compiled := regexp.MustCompile("(?s)^(?:" + expression + ")$")
	if kept.Add(1) < 20_000 {
		expressions.Store(expression, compiled)
	}
	return compiled.MatchString(text)
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
	service, _, _ := strings.Cut(plainLower(action), ":")
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
		if s.NotPrincipal.Any.IsPresent() && !hasBoundary {
			return ""
		}
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
		return any(func(want string) bool { return plainCompare(base, value.Kind(), have, want, c, variables) }) != negated
	}
	texts := value.Strings()
	if hasSet && set == "ForAllValues" || !hasSet && negated {
		return !slices.ContainsFunc(texts, func(s string) bool { return !holds(s) })
	}
	return slices.ContainsFunc(texts, holds)
}

// plainCompare compares one value of a key, which has the kind of the key, with
// one of the policy.
func plainCompare(base string, kind condition.Kind, have, want string, c *condition.Context, variables bool) bool {
	isText := kind == condition.String || kind == condition.Strings
	switch base {
	case "StringLike":
		expression, ok := glob(want, ".", variables, c)
		return ok && matches(expression, have)
	case "StringEquals", "StringEqualsIgnoreCase":
		text, ok := plainExpand(want, variables, c)
		return ok && (text == have || base == "StringEqualsIgnoreCase" && strings.EqualFold(text, have))
	case "ArnEquals", "ArnLike":
		f := strings.SplitN(have, ":", 6)
		return len(f) == 6 && f[0] == "arn" && f[5] != "" && plainARNValue(want, have, variables, c)
	case "Bool":
		text, ok := plainExpand(want, variables, c)
		return ok && (isText || kind == condition.Bool) && slices.Contains([]string{"true", "false"}, plainLower(text)) && plainLower(have) == plainLower(text)
	case "BinaryEquals":
		data, err := base64.StdEncoding.DecodeString(want)
		return err == nil && isText && string(data) == have
	case "IpAddress":
		return (isText || kind == condition.Address) && plainNetwork(have, want)
	}
	if comparison, ok := strings.CutPrefix(base, "Numeric"); ok {
		if kind == condition.Time {
			t, _ := time.Parse(time.RFC3339, have)
			have = strconv.FormatInt(t.Unix(), 10)
		}
		a, b := plainNumber(have), plainNumber(want)
		return (isText || kind == condition.Int || kind == condition.Time) && a != nil && b != nil && plainOrder(comparison, a.Cmp(b))
	}
	a, ok1 := plainTime(have)
	b, ok2 := plainTime(want)
	return (isText || kind == condition.Int || kind == condition.Time) && ok1 && ok2 && plainOrder(strings.TrimPrefix(base, "Date"), a.Compare(b))
}

// plainARNValue takes a variable that stands for a whole ARN, too.
func plainARNValue(want, have string, variables bool, c *condition.Context) bool {
	if variables && strings.HasPrefix(want, "${") && strings.Count(want, "}") == 1 && strings.HasSuffix(want, "}") {
		text, ok := plainExpand(want, true, c)
		return ok && text == have
	}
	return plainARN(want, have, variables, c)
}

// plainNumber reads a decimal number.
func plainNumber(s string) *big.Rat {
	if regexp.MustCompile(`^[+-]?(0+(\.0*)?|\.0+)([eE][+-]?[0-9]+)?$`).MatchString(s) {
		return new(big.Rat)
	}
	if !regexp.MustCompile(`^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,2})?$`).MatchString(s) {
		return nil
	}
	n, ok := new(big.Rat).SetString(s)
	if !ok {
		return nil
	}
	return n
}

// plainTime reads a date as ISO 8601 or as seconds since 1970.
func plainTime(s string) (time.Time, bool) {
	date := regexp.MustCompile(`^(\d{4})(?:-(\d\d))?(?:-(\d\d))?(?:T(\d\d:\d\d)(:\d\d(?:\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?$`).FindStringSubmatch(s)
	if date == nil {
		if n := plainNumber(s); n != nil && n.IsInt() && n.Num().IsInt64() && !strings.ContainsAny(s, ".eE") {
			t := time.Unix(n.Num().Int64(), 0)
			if n.Sign() > 0 && t.Before(time.Unix(0, 0)) { // later than package time can tell
				t = time.Unix(math.MaxInt64/2, 0)
			}
			return t, true
		}
		return time.Time{}, false
	}
	or := func(s, otherwise string) string {
		if s == "" {
			return otherwise
		}
		return s
	}
	zone := strings.Replace(or(date[6], "Z"), ":", "", 1)
	t, err := time.Parse("2006-01-02T15:04:05Z0700", date[1]+"-"+or(date[2], "01")+"-"+or(date[3], "01")+"T"+or(date[4], "00:00")+or(date[5], ":00")+zone)
	return t, err == nil
}

// plainNetwork reports whether an address is in a network. IPv4 addresses that
// are written as IPv6 are IPv4 addresses.
func plainNetwork(have, want string) bool {
	a := net.ParseIP(have)
	if !strings.Contains(want, "/") {
		return a != nil && a.Equal(net.ParseIP(want))
	}
	address, bits, _ := strings.Cut(want, "/")
	n, err := strconv.Atoi(bits)
	if ipv4 := net.ParseIP(address).To4(); strings.Contains(address, ":") && ipv4 != nil && n >= 96 {
		want = ipv4.String() + "/" + strconv.Itoa(n-96)
	}
	_, network, err2 := net.ParseCIDR(want)
	return a != nil && err == nil && err2 == nil && network.Contains(a)
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
		found = found && value != ""
		if !found {
			value = strings.Trim(strings.TrimSpace(fallback), "'")
		}
		ok = ok && (found || hasDefault)
		return value
	})
	return out, ok
}

// plainPublic follows "The meaning of 'public'" for bucket policies.
func plainPublic(of *Policy) bool {
	doc := of.Document()
	for i := range doc.Statements {
		s := &doc.Statements[i]
		if s.Effect != policy.Allow || s.Principal == nil {
			continue
		}
		anyone := s.Principal.Any.IsPresent() || slices.ContainsFunc(s.Principal.List, func(p policy.Principal) bool { return p.Type == policy.AWS && p.Value.Text == "*" })
		if anyone && !slices.ContainsFunc(s.Condition, plainFixes) {
			return true
		}
	}
	return false
}

// plainFixes reports whether an operator holds the caller to fixed values.
func plainFixes(op policy.Operator) bool {
	name := op.Name.Text
	if strings.HasPrefix(name, "ForAllValues:") || strings.HasSuffix(name, "IfExists") || strings.Contains(name, "Not") {
		return false
	}
	name = strings.TrimPrefix(name, "ForAnyValue:")
	return slices.ContainsFunc(op.Keys, func(k policy.Key) bool {
		if len(k.Values.List) == 0 {
			return false
		}
		each := func(ok func(value string) bool) bool {
			return !slices.ContainsFunc(k.Values.List, func(v policy.Value) bool { return !ok(v.Text) })
		}
		fixed := func(v string) bool { return v != "" && !strings.ContainsAny(v, "*?") && !strings.Contains(v, "${") }
		key := plainLower(k.Name.Text)
		switch name {
		case "IpAddress":
			return key == "aws:sourceip" && each(plainNarrow)
		case "StringEquals", "StringEqualsIgnoreCase", "StringLike", "ArnEquals", "ArnLike":
			switch key {
			case "aws:principalarn", "aws:principalaccount", "aws:principalorgid", "aws:sourcearn", "aws:sourcevpc", "aws:sourcevpce",
				"aws:sourceowner", "aws:sourceaccount", "s3:dataaccesspointaccount":
				return each(fixed)
			case "aws:userid":
				return each(func(v string) bool { return fixed(v) && !strings.HasPrefix(plainLower(v), "aroa") })
			case "s3:dataaccesspointarn":
				return each(func(v string) bool {
					f := strings.SplitN(v, ":", 6)
					return len(f) == 6 && f[0] == "arn" && fixed(f[1]) && fixed(f[2]) && fixed(f[4]) && f[5] != "" && !strings.Contains(v, "${")
				})
			}
		}
		return false
	})
}

// plainNarrow reports whether a network is narrow enough to be a fixed value.
func plainNarrow(want string) bool {
	for _, private := range []string{"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"} {
		_, of, _ := net.ParseCIDR(private)
		if address, bits, ok := strings.Cut(want, "/"); ok && plainNetwork(address, private) {
			n, _ := strconv.Atoi(bits)
			least, _ := of.Mask.Size()
			if n >= least && !strings.Contains(address, ":") {
				return true
			}
		}
	}
	if !strings.Contains(want, "/") {
		return true
	}
	address, bits, _ := strings.Cut(want, "/")
	n, _ := strconv.Atoi(bits)
	if strings.HasPrefix(address, "::ffff:") && n >= 96 {
		address, n = strings.TrimPrefix(address, "::ffff:"), n-96
	}
	if strings.Contains(address, ":") {
		return n >= 32
	}
	return n >= 8
}
