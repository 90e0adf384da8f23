package lint

import (
	"bytes"
	"encoding/json"
	"math"
	"slices"
	"strings"

	"github.com/keywright/keywright/arn"
	"github.com/keywright/keywright/policy"
	"github.com/keywright/keywright/policy/condition"
	"github.com/keywright/keywright/policy/edit"
	"github.com/keywright/keywright/policy/eval"
)

// The codes for whom resource policies and trust policies name.
const (
	DenyNotPrincipal   policy.Code = "DENY_WITH_NOT_PRINCIPAL"
	ConfusedDeputy     policy.Code = "CONFUSED_DEPUTY"
	UnknownOwner       policy.Code = "POSSIBLE_CONFUSED_DEPUTY"
	TrustOfUser        policy.Code = "TRUST_OF_IAM_USER"
	WeakExternalID     policy.Code = "WEAK_EXTERNAL_ID"
	NoTransportControl policy.Code = "NO_SECURE_TRANSPORT"
	PublicAccess       policy.Code = "PUBLIC_ACCESS"
)

// deputies looks at whom a policy lets in, and whom it locks out.
func (v *validator) deputies() {
	if v.kind != Bucket && v.kind != Trust {
		return
	}
	owner := v.ownerAccount()
	for i := range v.doc.Statements {
		s := &v.doc.Statements[i]
		v.statement = i
		if v.kind == Bucket && s.NotPrincipal != nil && s.Effect == policy.Deny {
			v.denyNotPrincipal(s)
		}
		v.externalIDs(s)
		if s.Effect == policy.Allow && s.Principal != nil {
			v.strangers(s, owner)
			if v.kind == Trust {
				v.trustedUsers(s)
			}
		}
	}
	v.statement = -1
	if v.kind == Bucket {
		v.transport()
		v.public()
	}
}

// public reports the statements of a bucket policy that let everybody in, as S3
// defines it ("Blocking public access to your Amazon S3 storage").
func (v *validator) public() {
	compiled, err := eval.Compile(v.doc, eval.Options{Type: eval.Resource})
	if err != nil {
		return
	}
	for _, i := range compiled.PublicStatements() {
		s := &v.doc.Statements[i]
		if s.Principal == nil {
			continue // NotPrincipal has findings of its own
		}
		v.statement = i
		message := "everybody in the world may do what the statement allows, without an account even"
		if len(s.Condition) > 0 {
			message = "the statement counts as public: no condition holds it to callers, networks or resources that are fixed"
		}
		v.report(PublicAccess, s.Principal.Position, s.Principal.Name, "%s", message)
	}
	v.statement = -1
}

// ownerAccount returns the account that a document belongs to, as far as
// anything says so: the options, or a condition on the owner of the resource.
func (v *validator) ownerAccount() string {
	if v.opts.Account != "" {
		return v.opts.Account
	}
	for i := range v.doc.Statements {
		for _, k := range conditionsOn(&v.doc.Statements[i], func(name string) bool {
			return strings.EqualFold(name, "s3:ResourceAccount") || strings.EqualFold(name, "aws:ResourceAccount") ||
				strings.EqualFold(name, "aws:SourceAccount")
		}) {
			if len(k.Values.List) == 1 && arn.IsAccountID(k.Values.List[0].Text) {
				return k.Values.List[0].Text
			}
		}
	}
	return ""
}

// accountOf returns the account of an AWS principal, or "" for everybody and
// for unique ids.
func accountOf(name string) string {
	if arn.IsAccountID(name) {
		return name
	}
	if a, err := arn.Parse(name); err == nil && arn.IsAccountID(a.AccountID) {
		return a.AccountID
	}
	return ""
}

// denyNotPrincipal reports a Deny to everybody but a few, and says who they are.
func (v *validator) denyNotPrincipal(s *policy.Statement) {
	var kept, principals, accounts, services []string
	for _, p := range s.NotPrincipal.List {
		name := p.Value.Text
		kept = append(kept, name)
		switch {
		case p.Type == policy.Service:
			services = append(services, name)
		case p.Type != policy.AWS:
			return // what it means is not known
		case arn.IsAccountID(name) || strings.HasSuffix(name, ":root"):
			accounts = append(accounts, accountOf(name))
		default:
			principals = append(principals, roleOf(name))
			if account := accountOf(name); account != "" {
				principals = append(principals, partitionRoot(name, account))
			}
		}
	}
	if len(kept) == 0 {
		return
	}
	also := []string{"administrators", "roles for replication and backup"}
	if len(accounts) == 0 {
		also = append([]string{"the account's root"}, also...)
	}
	if len(services) == 0 {
		also = append(also, "AWS services")
	}
	f := v.report(DenyNotPrincipal, s.NotPrincipal.Position, "NotPrincipal",
		"only %s may go on, unless a permissions boundary is attached to them; everybody else is denied, also %s", enumerate(kept, 10), enumerate(also, 4))
	if rewrite := v.rewriteNotPrincipal(s, unique(principals), unique(accounts), unique(services)); rewrite != "" {
		f.Advice = "Name whom it spares in a condition, which works for the sessions of roles as well, and spare the account's root: " + rewrite
	}
}

// roleOf returns the ARN that aws:PrincipalArn has for a principal: of a role's
// session that is the role's.
func roleOf(name string) string {
	a, err := arn.Parse(name)
	if err != nil || a.Service != "sts" {
		return name
	}
	role, ok := strings.CutPrefix(a.Resource, "assumed-role/")
	if !ok {
		return name
	}
	role, _, _ = strings.Cut(role, "/")
	return "arn:" + a.Partition + ":iam::" + a.AccountID + ":role/" + role
}

func partitionRoot(name, account string) string {
	partition := "aws"
	if a, err := arn.Parse(name); err == nil {
		partition = a.Partition
	}
	return "arn:" + partition + ":iam::" + account + ":root"
}

func unique(names []string) []string {
	slices.Sort(names)
	return slices.Compact(names)
}

// rewriteNotPrincipal writes the statement with conditions in the place of its
// NotPrincipal. It returns "" when the statement has a condition of the same
// operator, which only a person can join.
func (v *validator) rewriteNotPrincipal(s *policy.Statement, principals, accounts, services []string) string {
	if !v.fixable() {
		return ""
	}
	var conditions []string
	for _, c := range []struct {
		operator, key string
		values        []string
	}{
		{"ArnNotEquals", "aws:PrincipalArn", principals},
		{"StringNotEquals", "aws:PrincipalAccount", accounts},
		{"StringNotEqualsIfExists", "aws:PrincipalServiceName", services},
	} {
		if len(c.values) == 0 {
			continue
		}
		if slices.ContainsFunc(s.Condition, func(o policy.Operator) bool { return o.Name.Text == c.operator }) {
			return ""
		}
		conditions = append(conditions, `"`+c.operator+`": {"`+c.key+`": `+quoted(c.values)+`}`)
	}
	var b strings.Builder
	b.WriteString("{")
	if s.Sid.IsPresent() {
		b.WriteString(`"Sid": ` + edit.Quote(s.Sid.Text) + ", ")
	}
	b.WriteString(`"Effect": "Deny", "Principal": "*"`)
	for _, element := range []*policy.Values{s.Action, s.NotAction, s.Resource, s.NotResource} {
		if element != nil {
			b.WriteString(", " + edit.Quote(element.Name) + ": " + quoted(textsOf(element)))
		}
	}
	for i := range s.Condition {
		name := s.Condition[i].Name
		conditions = append(conditions, edit.Quote(name.Text)+": "+compact(v.textAt(v.edits.ValuePosition(name.Position))))
	}
	b.WriteString(`, "Condition": {` + strings.Join(conditions, ", ") + "}}")
	return b.String()
}

// compact returns JSON on one line.
func compact(text string) string {
	var b bytes.Buffer
	if err := json.Compact(&b, []byte(text)); err != nil {
		return text // cannot be: it is part of a document
	}
	return b.String()
}

func textsOf(values *policy.Values) []string {
	var list []string
	for _, v := range values.List {
		list = append(list, v.Text)
	}
	return list
}

// quoted writes strings as JSON: one by itself, several as an array.
func quoted(values []string) string {
	var items []string
	for _, v := range values {
		items = append(items, edit.Quote(v))
	}
	if len(items) == 1 {
		return items[0]
	}
	return "[" + strings.Join(items, ", ") + "]"
}

// tellingKeys are the condition keys that tell one customer of a service from
// another, or one place of a request from another. A name that ends in "/" stands
// for every key with that prefix.
var tellingKeys = []string{
	"sts:ExternalId", "aws:SourceIdentity", "sts:SourceIdentity", "aws:SourceArn", "aws:SourceAccount", "aws:SourceOrgID", "aws:SourceOrgPaths",
	"aws:SourceIp", "aws:SourceVpc", "aws:SourceVpce", "aws:VpcSourceIp", "aws:PrincipalOrgID", "aws:PrincipalOrgPaths", "aws:PrincipalTag/",
	"aws:RequestTag/", "aws:userid", "aws:MultiFactorAuthPresent", "s3:DataAccessPointAccount", "s3:DataAccessPointArn",
}

// isNarrowed reports whether a statement has a condition that tells requests of
// the same principal apart.
func isNarrowed(s *policy.Statement) bool {
	return len(conditionsOn(s, func(name string) bool { return isOneOf(name, tellingKeys) })) > 0
}

// strangers reports principals of other accounts whose requests are not told
// apart. When nobody says which account is the owner's, it is a suggestion to
// look, once for each account.
func (v *validator) strangers(s *policy.Statement, owner string) {
	if isNarrowed(s) {
		return
	}
	for _, p := range s.Principal.List {
		account := accountOf(p.Value.Text)
		if p.Type != policy.AWS || account == "" || account == owner {
			continue
		}
		code := ConfusedDeputy
		if owner == "" {
			code = UnknownOwner
		}
		f := v.report(code, p.Value.Position, p.Value.Text,
			"whoever gets %s to act for him gets in: nothing tells one customer of account %s from another", p.Value.Text, account)
		f.Advice = deputyAdvice[v.kind == Trust]
		if owner == "" {
			f.Message = "if account " + account + " is somebody else's, " + f.Message
		}
	}
}

// deputyAdvice is what to do about a stranger, by whether he is trusted with a
// role.
var deputyAdvice = map[bool]string{
	true:  "Ask for an external ID that the other side has made for you alone: \"Condition\": {\"StringEquals\": {\"sts:ExternalId\": \"...\"}}.",
	false: "Better let the other side assume a role that asks for an external ID. Else have it use a principal for you alone, or add a condition on aws:PrincipalTag or aws:SourceIdentity.",
}

// trustedUsers reports users whom a role trusts.
func (v *validator) trustedUsers(s *policy.Statement) {
	for _, p := range s.Principal.List {
		if a, err := arn.Parse(p.Value.Text); err == nil && p.Type == policy.AWS && strings.HasPrefix(a.Resource, "user/") {
			v.report(TrustOfUser, p.Value.Position, p.Value.Text, "the role trusts an IAM user, whose access keys never end")
		}
	}
}

// externalIDs reports conditions on sts:ExternalId that an attacker gets past.
func (v *validator) externalIDs(s *policy.Statement) {
	if s.Effect != policy.Allow {
		return
	}
	for _, k := range conditionsOn(s, func(name string) bool { return strings.EqualFold(name, "sts:ExternalId") }) {
		if k.operator.IfExists || k.operator.IsNegated() || k.operator.Qualifier == condition.ForAllValues {
			v.report(WeakExternalID, k.Name.Position, k.Name.Text, "the condition holds as well for a request without an external ID")
			continue
		}
		if k.operator.Name == "Null" {
			continue
		}
		for _, id := range k.Values.List {
			if why := v.weakness(id.Text, k.operator.Name, s); why != "" {
				v.report(WeakExternalID, id.Position, id.Text, "the external ID %q %s", id.Text, why)
			}
		}
	}
}

// weakness says why others can find out an external ID.
func (v *validator) weakness(id, operator string, s *policy.Statement) string {
	switch {
	case strings.HasSuffix(operator, "Like") && wildcardIn(id) < len(id):
		return "is a pattern that other IDs match"
	case isPlaceholder(id):
		return "" // has a finding of its own
	case arn.IsAccountID(id):
		return "is an account's number, which is no secret and easily guessed"
	case entropy(id) < 64:
		return "is short enough to be guessed"
	case !strings.ContainsAny(id, "0123456789") && len(id) < 24:
		return "looks like words that can be guessed"
	}
	return ""
}

// entropy returns how many bits a text has at most, if each character was
// drawn from those of its kinds.
func entropy(s string) float64 {
	kinds := map[int]bool{}
	for _, c := range []byte(s) {
		switch {
		case c >= '0' && c <= '9':
			kinds[10] = true
		case c >= 'a' && c <= 'f', c >= 'A' && c <= 'F':
			kinds[6] = true
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z':
			kinds[20] = true
		}
	}
	size := 0
	for n := range kinds {
		size += n
	}
	return float64(len(s)) * math.Log2(float64(max(size, 2)))
}

// transport reports a bucket policy that lets requests come unencrypted.
func (v *validator) transport() {
	var first *policy.Principals
	for i := range v.doc.Statements {
		s := &v.doc.Statements[i]
		if len(conditionsOn(s, func(name string) bool {
			return strings.EqualFold(name, "aws:SecureTransport") || strings.EqualFold(name, "s3:TlsVersion")
		})) > 0 {
			return
		}
		if s.Effect == policy.Allow && first == nil {
			first = s.Principal
			v.statement = i
		}
	}
	if first != nil {
		f := v.report(NoTransportControl, first.Position, first.Name, "nothing in the policy asks for TLS")
		if bucket := v.bucketName(); bucket != "" {
			f.Advice = `Add a statement: {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": ["` + bucket + `", "` + bucket +
				`/*"], "Condition": {"Bool": {"aws:SecureTransport": "false"}}}`
		}
	}
	v.statement = -1
}

// bucketName returns the ARN of the bucket that the policy is for, as far as it
// names one.
func (v *validator) bucketName() string {
	for i := range v.doc.Statements {
		s := &v.doc.Statements[i]
		if s.Resource == nil {
			continue
		}
		for _, value := range s.Resource.List {
			if r, ok := readS3Resource(value); ok && !r.everything && !strings.ContainsAny(r.bucket, "*?$") {
				arn, _, _ := strings.Cut(value.Text, "/")
				return arn
			}
		}
	}
	return ""
}
