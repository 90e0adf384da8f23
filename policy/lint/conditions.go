package lint

import (
	"slices"
	"strings"

	"github.com/keywright/keywright/arn"
	"github.com/keywright/keywright/facts"
	"github.com/keywright/keywright/policy"
	"github.com/keywright/keywright/policy/condition"
)

var operatorNames = []string{
	"StringEquals", "StringNotEquals", "StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase", "StringLike", "StringNotLike",
	"NumericEquals", "NumericNotEquals", "NumericLessThan", "NumericLessThanEquals", "NumericGreaterThan", "NumericGreaterThanEquals",
	"DateEquals", "DateNotEquals", "DateLessThan", "DateLessThanEquals", "DateGreaterThan", "DateGreaterThanEquals",
	"Bool", "BinaryEquals", "IpAddress", "NotIpAddress", "ArnEquals", "ArnLike", "ArnNotEquals", "ArnNotLike", "Null",
}

// operators looks for condition operators that there are not.
func (v *validator) operators(s *policy.Statement) {
	for i := range s.Condition {
		name := s.Condition[i].Name
		if _, ok := condition.ParseOperator(name.Text); ok {
			continue
		}
		base, suffixed := strings.CutSuffix(name.Text, "IfExists")
		_, after, qualified := strings.Cut(base, ":")
		switch {
		case qualified && after == "Null" && !suffixed:
			v.report(nullQualifier, name.Position, name.Text, "%s always holds or never does, whatever the request: write Null, or a String operator with the qualifier", name.Text)
		case base == "Null", after == "Null":
			v.report(nullIfExists, name.Position, name.Text, "%s asks whether a key is there if it is there: write Null", name.Text)
		default:
			v.report(invalidConditionOperator, name.Position, name.Text, "there is no condition operator %q%s", name.Text, didYouMean(operatorInstead(name.Text)))
		}
	}
}

// operatorInstead returns the operator that is written most like a name.
func operatorInstead(name string) string {
	if len(name) > 64 {
		return ""
	}
	qualifier, base, ok := strings.Cut(name, ":")
	switch {
	case !ok:
		qualifier, base = "", name
	case strings.EqualFold(qualifier, "ForAllValues"):
		qualifier = "ForAllValues:"
	default:
		qualifier = "ForAnyValue:"
	}
	suffix := ""
	if n := len(base) - len("IfExists"); n > 0 && strings.EqualFold(base[n:], "IfExists") {
		base, suffix = base[:n], "IfExists"
	}
	best, least := "", 4
	for _, o := range operatorNames {
		if n := distance(strings.ToLower(base), strings.ToLower(o)); n < least {
			best, least = qualifier+o+suffix, n
		}
	}
	return best
}

// keys looks at the condition keys of a statement: whether there are such keys,
// and whether they go with their operators.
func (v *validator) keys(s *policy.Statement) {
	for i := range s.Condition {
		op := &s.Condition[i]
		parsed, known := condition.ParseOperator(op.Name.Text)
		for j := range op.Keys {
			key := &op.Keys[j]
			fact, ok := v.keyName(key.Name)
			if known {
				v.emptyValues(parsed, key)
				v.advice(s, key.Name)
			}
			if ok && known {
				v.keyType(s, op, parsed, key, fact)
				v.qualifier(s, op, parsed, key, fact)
			}
		}
	}
}

// keyName looks for a key's name in the facts, and reports one that cannot be.
func (v *validator) keyName(name policy.Value) (*facts.Key, bool) {
	if strings.Contains(name.Text, "${") {
		return nil, false
	}
	vendor, rest, ok := strings.Cut(name.Text, ":")
	if !ok || vendor == "" || rest == "" {
		v.report(conditionKeyFormat, name.Position, name.Text, "%q is no condition key: write service:key, such as aws:SourceIp", name.Text)
		return nil, false
	}
	fact, found := facts.LookupKey(name.Text)
	if found {
		if arn.EqualFold(name.Text, "aws:SourceOwner") {
			v.report(deprecatedGlobalKey, name.Position, name.Text, "%s is outdated: use aws:SourceAccount", name.Text)
		}
		return fact, true
	}
	service := strings.ToLower(vendor)
	instead, wrong := noServices[service]
	tag, isTag := facts.LookupKey(strings.TrimRight(name.Text, "/") + "/x")
	switch {
	case isTag && tag.IsPrefix():
		v.report(missingTagKey, name.Position, name.Text, "%q does not say which tag: write %sKEY with the tag's key", name.Text, tag.Name)
	case arn.EqualFold(name.Text, "aws:ARN"):
		v.report(unsupportedGlobalKey, name.Position, name.Text, "there is no key %s: use aws:PrincipalArn for who asks, or aws:SourceArn for the resource on whose behalf a service asks", name.Text)
	case service == "aws":
		v.report(invalidGlobalKey, name.Position, name.Text, "there is no global condition key %q%s", name.Text, didYouMean(v.keyInstead(name.Text)))
	case wrong:
		v.report(invalidService, name.Position, name.Text, "there is no service %q%s", vendor, didYouMean(instead))
	case slices.Contains(judged, service):
		v.report(invalidServiceKey, name.Position, name.Text, "%s has no condition key %q%s", service, name.Text, didYouMean(v.keyInstead(name.Text)))
	}
	return nil, false
}

func (v *validator) keyInstead(name string) string {
	if len(v.findings) >= MaxFindings || len(name) > 64 {
		return ""
	}
	name = arn.ToLower(name)
	best, least := "", 4
	keys := facts.Keys()
	for i := range keys {
		if n := distance(name, arn.ToLower(keys[i].Name)); n < least {
			best, least = keys[i].Name, n
		}
	}
	return best
}

func (v *validator) emptyValues(op condition.Operator, key *policy.Key) {
	if len(key.Values.List) > 0 {
		return
	}
	code, why := emptyCondition, "holds for no request"
	switch {
	case op.Qualifier == condition.ForAllValues:
		code, why = emptyConditionForAll, "asks in effect whether the key is absent: write \"Null\": {\"KEY\": \"true\"} for that"
	case op.Qualifier == condition.ForAnyValue:
		code, why = emptyConditionForAny, "holds for no request"
	case op.IfExists:
		code, why = emptyConditionIfExists, "asks in effect whether the key is absent: write \"Null\": {\"KEY\": \"true\"} for that"
	}
	v.reportIn(code, key.Name.Position, key.Name.Text, "there is no value to compare %s with, so the condition %s", key.Name.Text, strings.Replace(why, "KEY", key.Name.Text, 1))
}

// advice looks for keys that do not do what they seem to do.
func (v *validator) advice(s *policy.Statement, name policy.Value) {
	is := func(keys ...string) bool {
		return slices.ContainsFunc(keys, func(k string) bool { return arn.EqualFold(k, name.Text) })
	}
	switch {
	case is("aws:Referer", "aws:UserAgent"):
		v.report(untrustworthyKey, name.Position, name.Text, "%s is what the caller says, who may say anything: do not decide access by it", name.Text)
	case v.kind == Bucket && is("s3:ResourceAccount", "aws:ResourceAccount", "aws:ResourceOrgID", "aws:ResourceOrgPaths"):
		v.report(irrelevantKey, name.Position, name.Text, "%s is the same for every request to this bucket: use it in the policies of identities", name.Text)
	case s.Effect == policy.Allow && is("aws:VpcSourceIp") && !hasKey(s, "aws:SourceVpc") && !hasKey(s, "aws:SourceVpce"):
		v.report(missingPairedKeys, name.Position, name.Text, "every network can have the private addresses of %s: add a condition on aws:SourceVpc or aws:SourceVpce", name.Text)
	}
}

// family returns the group of an operator: String, Numeric, Date, Bool, Binary,
// IpAddress, Arn or Null.
func family(op condition.Operator) string {
	for _, f := range []string{"String", "Numeric", "Date", "Bool", "Binary", "Arn", "Null"} {
		if strings.HasPrefix(op.Name, f) {
			return f
		}
	}
	return "IpAddress"
}

// keyType looks for operators that do not go with a key's type.
func (v *validator) keyType(s *policy.Statement, op *policy.Operator, parsed condition.Operator, key *policy.Key, fact *facts.Key) {
	got := family(parsed)
	if got == "Null" || got == "Binary" || fact.IsPrefix() {
		return
	}
	isARN := fact.Type == facts.ARN || fact.Type == facts.ArrayOfARN || arn.EqualFold(fact.Name, "aws:SourceVpcArn")
	want := "String"
	switch {
	case isARN:
		want = "Arn"
	case fact.Type == facts.Numeric:
		want = "Numeric"
	case fact.Type == facts.Date:
		want = "Date"
	case fact.Type == facts.Bool:
		want = "Bool"
	case fact.Type == facts.IPAddress:
		want = "IpAddress"
	}
	switch {
	case isARN && (parsed.Name == "StringLike" || parsed.Name == "StringNotLike"):
		instead := strings.Replace(op.Name.Text, "String", "Arn", 1)
		f := v.report(stringLikeARN, op.Name.Position, op.Name.Text, "%s is an ARN, and in %s a * takes in colons, and so accounts and services that are not meant: write %s", key.Name.Text, op.Name.Text, instead)
		if v.fixable() && (s.Effect == policy.Allow) == (parsed.Name == "StringLike") && v.once(stringLikeARN, op, func() bool { return v.takesARNOperator(s, op, instead) }) {
			f.fix("write "+instead+", so that a * does not go beyond its field of the ARN", v.edits.ReplaceText(op.Name.Position, instead))
		}
	case got == want, isARN && got == "String", arn.EqualFold(fact.Name, "aws:EpochTime") && got == "Numeric":
	default:
		v.report(typeMismatch, op.Name.Position, op.Name.Text, "%s is of type %s, which %s does not compare: use an operator of the group %s", key.Name.Text, fact.Type, op.Name.Text, want)
	}
}

// takesARNOperator reports whether all that stands under an operator can stand
// under one for ARNs instead.
func (v *validator) takesARNOperator(s *policy.Statement, op *policy.Operator, instead string) bool {
	if hasOperator(s, instead) {
		return false
	}
	for i := range op.Keys {
		fact, ok := facts.LookupKey(op.Keys[i].Name.Text)
		if !ok || fact.Type != facts.ARN && fact.Type != facts.ArrayOfARN {
			return false
		}
		if _, err := condition.Compile(instead, op.Keys[i].Name.Text, texts(op.Keys[i].Values.List, false), v.doc.HasVariables()); err != nil {
			return false
		}
	}
	return true
}

// qualifier looks for set operators with keys of one value, and keys of several
// values without.
func (v *validator) qualifier(s *policy.Statement, op *policy.Operator, parsed condition.Operator, key *policy.Key, fact *facts.Key) {
	several := isSeveral(fact)
	switch {
	case several && parsed.Qualifier == condition.None && parsed.Name != "Null":
		v.report(missingQualifier, op.Name.Position, op.Name.Text, "requests can have several values of %s: write ForAnyValue:%s when one must match, or ForAllValues:%s when each must", key.Name.Text, op.Name.Text, op.Name.Text)
	case !several && parsed.Qualifier == condition.ForAllValues:
		instead := strings.TrimPrefix(op.Name.Text, "ForAllValues:")
		f := v.report(forAllValuesSingle, op.Name.Position, op.Name.Text, "requests have one value of %s at most, and ForAllValues holds for those that have none too: write %s", key.Name.Text, instead)
		if v.fixable() && s.Effect == policy.Allow && v.once(forAllValuesSingle, op, func() bool { return !hasOperator(s, instead) && allSingle(op) }) {
			f.fix("remove ForAllValues:, so that requests without the key are not let in", v.edits.ReplaceText(op.Name.Position, instead))
		}
	}
}

// question is what the rule of a code asks about an operator.
type question struct {
	code policy.Code
	of   *policy.Operator
}

// once returns the answer to a question, which is asked for the first of the
// operator's keys only.
func (v *validator) once(code policy.Code, op *policy.Operator, ask func() bool) bool {
	q := question{code, op}
	answer, ok := v.answers[q]
	if !ok {
		answer = ask()
		v.answers[q] = answer
	}
	return answer
}

func hasOperator(s *policy.Statement, name string) bool {
	return slices.ContainsFunc(s.Condition, func(o policy.Operator) bool { return o.Name.Text == name })
}

// allSingle reports whether a request has one value at most of each key of an
// operator.
func allSingle(op *policy.Operator) bool {
	return !slices.ContainsFunc(op.Keys, func(k policy.Key) bool {
		fact, ok := facts.LookupKey(k.Name.Text)
		return !ok || isSeveral(fact)
	})
}

// isSeveral reports whether a request can have several values of a key.
func isSeveral(k *facts.Key) bool { return k.Type == facts.ArrayOfString || k.Type == facts.ArrayOfARN }
