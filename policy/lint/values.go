package lint

import (
	"errors"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/keywright/keywright/arn"
	"github.com/keywright/keywright/policy"
	"github.com/keywright/keywright/policy/condition"
	"github.com/keywright/keywright/policy/edit"
)

// values looks at what the keys of a statement's conditions are compared with.
func (v *validator) values(s *policy.Statement) {
	conditions(s, func(op *policy.Operator, parsed condition.Operator, key *policy.Key) {
		v.types(key)
		switch family(parsed) {
		case "Bool", "Null":
			v.booleans(op, key)
		case "Numeric":
			v.numbers(op, parsed, key)
		case "IpAddress":
			v.addresses(parsed, key)
		}
		for _, value := range key.Values.List {
			if v.malformed(op, parsed, key, value) {
				continue
			}
			if _, err := strconv.ParseInt(value.Text, 10, 64); err == nil && family(parsed) == "Date" {
				v.report(invalidDateValue, value.Position, value.Text, "%s is read as %s, which is easy to get wrong: write the date, such as 2030-01-31T12:00:00Z", value.Text, numericDate(value.Text))
			}
			if parsed.Name != "StringLike" && parsed.Name != "StringNotLike" && family(parsed) == "String" && hasStar(v.outsideVariables(value.Text)) {
				v.report(wildcardWithoutLike, value.Position, value.Text, "%s compares %q character by character, its * or ? too: use %s when a pattern is meant", op.Name.Text, value.Text, likeOf(op.Name.Text))
			}
			v.form(parsed, key, value)
			v.tooPermissive(parsed, key, value)
		}
	})
}

// outsideVariables returns what of a value does not stand in policy variables.
func (v *validator) outsideVariables(text string) string {
	for v.doc.HasVariables() {
		before, after, ok := strings.Cut(text, "${")
		if !ok {
			break
		}
		_, rest, _ := strings.Cut(after, "}")
		text = before + rest
	}
	return text
}

// numericDate says what a number is read as that stands for a date.
func numericDate(text string) string {
	if len(text) == 4 {
		return "the first moment of a year"
	}
	return "seconds since 1970"
}

func likeOf(operator string) string {
	operator = strings.Replace(operator, "IgnoreCase", "", 1)
	return strings.Replace(operator, "Equals", "Like", 1)
}

// types looks for values of different JSON types in one array.
func (v *validator) types(key *policy.Key) {
	list := key.Values.List
	i := slices.IndexFunc(list, func(of policy.Value) bool { return of.Kind != list[0].Kind })
	if i < 0 {
		return
	}
	f := v.report(conditionDataType, list[i].Position, list[i].Text, "%s is of another JSON type than the values before it: write all of them as strings", list[i].Text)
	if !v.fixable() {
		return
	}
	var edits []edit.Edit
	for _, of := range list {
		if of.Kind != policy.String {
			edits = append(edits, v.edits.ReplaceText(of.Position, of.Text))
		}
	}
	f.fix("write the values as strings, which mean the same", edits...)
}

func (v *validator) booleans(op *policy.Operator, key *policy.Key) {
	if n := len(key.Values.List); n > 1 {
		v.report(multipleBoolean, key.Name.Position, key.Name.Text, "%s has %d values under %s, of which one always matches or all are alike: write one, true or false", key.Name.Text, n, op.Name.Text)
	}
}

// numbers looks for bounds that another one makes needless.
func (v *validator) numbers(op *policy.Operator, parsed condition.Operator, key *policy.Key) {
	list := key.Values.List
	if len(list) < 2 || !strings.HasPrefix(parsed.Name, "NumericLess") && !strings.HasPrefix(parsed.Name, "NumericGreater") {
		return
	}
	greatest := strings.HasPrefix(parsed.Name, "NumericLess")
	best, bound := -1, 0.0
	for i, value := range list {
		n, err := strconv.ParseFloat(value.Text, 64)
		if err != nil {
			return
		}
		if best < 0 || greatest && n > bound || !greatest && n < bound {
			best, bound = i, n
		}
	}
	which := "least"
	if greatest {
		which = "greatest"
	}
	f := v.report(redundantNumber, key.Name.Position, key.Name.Text, "%s holds when it does for one of its values, so only the %s, %s, matters: remove the others", op.Name.Text, which, list[best].Text)
	var others []int
	for i := range list {
		if i != best {
			others = append(others, i)
		}
	}
	if v.fixable() {
		if edits, ok := v.edits.RemoveValues(&key.Values, others...); ok {
			f.fix("keep "+list[best].Text+" alone", edits...)
		}
	}
}

// addresses looks at the networks of IpAddress and NotIpAddress.
func (v *validator) addresses(parsed condition.Operator, key *policy.Key) {
	private, public := -1, false
	for i, value := range key.Values.List {
		p, ok := condition.ParseNetwork(value.Text)
		if !ok {
			return
		}
		if given, err := netip.ParsePrefix(value.Text); err == nil && given.Masked() != given {
			instead := given.Masked().String()
			f := v.report(improveIPRange, value.Position, value.Text, "%s has bits behind its mask, which do not count: write %s", value.Text, instead)
			if v.fixable() {
				f.fix("write "+instead+", which is what it means", v.edits.ReplaceText(value.Position, instead))
			}
		}
		if !isPrivate(p) {
			public = true
		} else if private < 0 {
			private = i
		}
	}
	if private < 0 || !arn.EqualFold(key.Name.Text, "aws:SourceIp") {
		return
	}
	not := parsed.Name == "NotIpAddress"
	at := key.Values.List[private]
	switch {
	case public && not:
		v.report(privateNotAddressSubset, at.Position, at.Text, "on AWS no request comes from %s, which is private: use aws:VpcSourceIp for private addresses", at.Text)
	case public:
		v.report(privateAddressSubset, at.Position, at.Text, "on AWS no request comes from %s, which is private: use aws:VpcSourceIp for private addresses", at.Text)
	case not:
		v.report(privateNotAddress, at.Position, at.Text, "on AWS no request comes from %s or another of these addresses, which are all private, so the condition always holds: name public addresses, or use aws:VpcSourceIp", at.Text)
	default:
		v.report(privateAddress, at.Position, at.Text, "on AWS no request comes from %s or another of these addresses, which are all private, so the condition never holds: name public addresses, or use aws:VpcSourceIp", at.Text)
	}
}

var privateNetworks = []netip.Prefix{
	netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("172.16.0.0/12"), netip.MustParsePrefix("192.168.0.0/16"),
	netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("169.254.0.0/16"),
	netip.MustParsePrefix("fc00::/7"), netip.MustParsePrefix("fe80::/10"), netip.MustParsePrefix("::1/128"),
}

func isPrivate(p netip.Prefix) bool {
	return slices.ContainsFunc(privateNetworks, func(n netip.Prefix) bool { return n.Contains(p.Addr()) && p.Bits() >= n.Bits() })
}

// malformed reports a value that its operator cannot compare with.
func (v *validator) malformed(op *policy.Operator, parsed condition.Operator, key *policy.Key, value policy.Value) bool {
	group := family(parsed)
	if strings.Contains(value.Text, "${") && v.doc.HasVariables() && group != "String" && group != "Arn" {
		v.report(variableForOperator, value.Position, value.Text, "%s takes no policy variables such as those of %q: only String and Arn operators do", op.Name.Text, value.Text)
		return true
	}
	_, err := condition.Compile(op.Name.Text, key.Name.Text, []string{value.Text}, v.doc.HasVariables())
	if err == nil {
		return false
	}
	code := policy.Code("")
	switch group {
	case "Bool", "Null":
		code = typeMismatchBoolean
	case "Date":
		code = typeMismatchDate
	case "Numeric":
		code = typeMismatchNumber
	case "Binary":
		code = typeMismatchString
	case "IpAddress":
		code = typeMismatchIPRange
	}
	if code != "" {
		want := "something else"
		if e := (*condition.Error)(nil); errors.As(err, &e) {
			want = e.Want
		}
		v.report(code, value.Position, value.Text, "%s compares with %s, and %q is none", op.Name.Text, want, value.Text)
	}
	return true
}

var (
	servicePrincipalKeys = []string{
		"aws:PrincipalServiceName", "aws:PrincipalServiceNamesList", "aws:CalledVia", "aws:CalledViaFirst", "aws:CalledViaLast", "iam:PassedToService", "iam:AWSServiceName",
	}
	sensitiveKeys = []string{
		"aws:PrincipalAccount", "aws:PrincipalOrgID", "aws:ResourceAccount", "aws:ResourceOrgID", "aws:SourceAccount", "aws:SourceOrgID",
		"aws:SourceVpc", "aws:SourceVpce", "aws:VpceAccount", "aws:VpceOrgID",
	}
	organizationPathKeys = []string{"aws:PrincipalOrgPaths", "aws:ResourceOrgPaths", "aws:SourceOrgPaths", "aws:VpceOrgPaths"}
)

// form looks at values of keys whose values have a form.
func (v *validator) form(parsed condition.Operator, key *policy.Key, value policy.Value) {
	if family(parsed) != "String" && family(parsed) != "Arn" || hasPattern(value.Text) {
		return
	}
	name := key.Name.Text
	is := func(keys ...string) bool {
		return slices.ContainsFunc(keys, func(k string) bool { return arn.EqualFold(k, name) })
	}
	switch {
	case is("aws:SourceVpc") && !isIdentifier(value.Text, "vpc-"):
		v.report(invalidVPC, value.Position, value.Text, "%q is no VPC: write vpc- and 8 or 17 letters and digits", value.Text)
	case is("aws:SourceVpce") && !isIdentifier(value.Text, "vpce-"):
		v.report(invalidVPCE, value.Position, value.Text, "%q is no VPC endpoint: write vpce- and 8 or 17 letters and digits", value.Text)
	case is("aws:RequestedRegion") && !isRegion(value.Text):
		v.report(invalidRegion, value.Position, value.Text, "%q is no Region: write one such as us-east-1", value.Text)
	case is(servicePrincipalKeys...) && !isServicePrincipal(value.Text, false):
		v.report(invalidServicePrincipal, value.Position, value.Text, "%q is not written as services are: write it as service.amazonaws.com", value.Text)
	case is("kms:ViaService") && !isServicePrincipal(value.Text, true):
		v.report(invalidServicePrincipal, value.Position, value.Text, "%q is not written as %s has services: write it as s3.us-east-1.amazonaws.com", value.Text, name)
	case is("s3:x-amz-server-side-encryption-aws-kms-key-id") && !isKMSKey(value.Text):
		v.report(invalidKMSKey, value.Position, value.Text, "%s is the ARN of a KMS key, and %q is none: write arn:aws:kms:REGION:ACCOUNT:key/ID; an alias or a bare id does not match", name, value.Text)
	}
}

// isIdentifier reports whether s is a prefix and 8 or 17 letters and digits.
func isIdentifier(s, prefix string) bool {
	rest, ok := strings.CutPrefix(s, prefix)
	return ok && (len(rest) == 8 || len(rest) == 17) && strings.Trim(rest, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == ""
}

func isKMSKey(s string) bool {
	a, err := arn.Parse(s)
	id, ok := strings.CutPrefix(a.Resource, "key/")
	return err == nil && a.Service == "kms" && a.Region != "" && a.AccountID != "" && ok && id != ""
}

// tooPermissive looks for patterns and variables in keys that name accounts,
// organizations and networks, where a part of a name means nothing ("AWS global
// condition context keys": sensitive condition keys).
func (v *validator) tooPermissive(parsed condition.Operator, key *policy.Key, value policy.Value) {
	if group := family(parsed); group != "String" && group != "Arn" {
		return
	}
	name := key.Name.Text
	is := func(k string) bool { return arn.EqualFold(k, name) }
	outside := v.outsideVariables(value.Text)
	wild := strings.HasSuffix(parsed.Name, "Like") && hasStar(outside)
	variable := v.doc.HasVariables() && strings.Contains(value.Text, "${") && !v.fixedVariables(value.Text)
	if !wild && !variable {
		return
	}
	why, first := "", strings.IndexAny(value.Text, "*?$")
	switch {
	case slices.ContainsFunc(sensitiveKeys, is):
		why = name + " names one account, organization or network, of whose name a part means nothing: write it out"
	case slices.ContainsFunc(organizationPathKeys, is) && first >= 0 && first < 6:
		why = "write the organization's id before it, such as o-a1b2c3d4e5/*"
	case is("aws:userid"):
		left, _, ok := strings.Cut(v.withoutVariables(value.Text), ":")
		if ok && (left == "*" || !strings.ContainsAny(left, "*?")) {
			return
		}
		why = "write the unique id of the role before the colon, such as AROAEXAMPLE:*"
	default:
		return
	}
	if wild {
		v.report(wildcardTooPermissive, value.Position, value.Text, "the wildcard in %q takes in more than can be meant: %s", value.Text, why)
	} else {
		v.report(variableTooPermissive, value.Position, value.Text, "the policy variable in %q can stand for anything: %s", value.Text, why)
	}
}

// withoutVariables returns a value with a star in the place of each variable.
func (v *validator) withoutVariables(text string) string {
	var b strings.Builder
	for v.doc.HasVariables() {
		before, after, ok := strings.Cut(text, "${")
		if !ok {
			break
		}
		_, text, _ = strings.Cut(after, "}")
		b.WriteString(before + "*")
	}
	return b.String() + text
}

// fixedVariables reports whether all variables of a value are sensitive keys
// themselves, which neither caller nor administrator chooses.
func (v *validator) fixedVariables(text string) bool {
	w, err := arn.CompileWildcard(text, arn.Variables)
	if err != nil {
		return true // reported as malformed
	}
	for _, name := range w.Variables() {
		if !slices.ContainsFunc(sensitiveKeys, func(k string) bool { return arn.EqualFold(k, name) }) {
			return false
		}
	}
	return true
}

// alwaysOrNever looks for conditions of which a "*" makes nothing, or no more
// than a question whether the key is there.
func (v *validator) alwaysOrNever(s *policy.Statement) {
	conditions(s, func(op *policy.Operator, parsed condition.Operator, key *policy.Key) {
		group := family(parsed)
		if group != "Arn" && parsed.Name != "StringLike" && parsed.Name != "StringNotLike" {
			return
		}
		if !slices.ContainsFunc(key.Values.List, func(of policy.Value) bool { return of.Text != "" && strings.Trim(of.Text, "*") == "" }) {
			return
		}
		name := key.Name
		switch {
		case !parsed.IsNegated() && (parsed.IfExists || parsed.Qualifier == condition.ForAllValues):
			f := v.report(redundantKey, name.Position, name.Text, "%s with \"*\" holds for every request, so the condition on %s asks for nothing: remove it", op.Name.Text, name.Text)
			if v.fixable() && group == "String" {
				f.fix("remove the condition, which always holds", v.removeKey(s, op, key))
			}
		case !parsed.IsNegated():
			f := v.report(nullFalse, name.Position, name.Text, "%s with \"*\" asks whether the request has %s: write \"Null\": {%q: \"false\"}", op.Name.Text, name.Text, name.Text)
			if strings.EqualFold(name.Text, "s3:prefix") {
				f.Advice = "Take the condition away, or name a folder: it limits nothing, and fails for requests without a prefix, such as HeadBucket, with which programs test a connection."
			}
		case parsed.Qualifier == condition.ForAnyValue && !parsed.IfExists:
			v.report(redundantStatementKey, name.Position, name.Text, "%s with \"*\" holds for no request, so the statement never applies: remove the condition on %s, or name the values that are meant", op.Name.Text, name.Text)
		default:
			v.report(nullTrue, name.Position, name.Text, "%s with \"*\" asks whether the request lacks %s: write \"Null\": {%q: \"true\"}", op.Name.Text, name.Text, name.Text)
		}
	})
}
