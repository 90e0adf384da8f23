package remedy

import (
	"slices"
	"strings"

	"github.com/keywright/keywright/arn"
	"github.com/keywright/keywright/policy"
	"github.com/keywright/keywright/policy/condition"
	"github.com/keywright/keywright/policy/eval"
)

// parameter is a condition key whose value the sender of a request chooses.
type parameter struct {
	key string // in lower case; one that ends in - or / is the beginning of many
	how string // a description, up to the value; "%" in it stands for the rest of the key

	// lone is whether only a request without the key may be given a value:
	// another one would ask for something else.
	lone bool

	// part says whether the value is a part of what is asked for, and not of how:
	// then a statement that is made for a request holds it to the request's. It is
	// held to be absent too, unless a request without it sees no less.
	part part
}

type part uint8

const (
	noPart part = iota
	partWithValue
	partAlways
)

var parameters = []parameter{
	{"s3:prefix", "send prefix=", true, partAlways},
	{"s3:delimiter", "send delimiter=", true, partWithValue},
	{"s3:max-keys", "send max-keys=", true, partWithValue},
	{"s3:x-amz-", "send the header x-amz-%: ", false, partAlways},
	{"s3:requestobjecttag/", "send the object's tag % with the value ", false, partAlways},
	{"aws:requesttag/", "send the tag % with the value ", false, partAlways},
	{"s3:if-none-match", "send the header If-None-Match: ", false, noPart},
	{"s3:object-lock-", "send the object lock's % as ", false, partAlways},
	{"s3:tlsversion", "use TLS of version ", false, noPart},
	{"s3:authtype", "authenticate by ", false, noPart},
	{"s3:signatureversion", "sign with ", false, noPart},
	{"aws:securetransport", "use TLS: aws:SecureTransport ", false, noPart},
	{"aws:multifactorauthpresent", "sign in with a second factor: aws:MultiFactorAuthPresent ", false, noPart},
	{"aws:sourceip", "send it from ", false, noPart},
	{"sts:externalid", "pass the external id ", false, partAlways},
	{"sts:rolesessionname", "name the session ", false, partAlways},
	{"sts:sourceidentity", "pass the source identity ", false, partAlways},
}

// parameterOf returns the parameter that sets a key.
func parameterOf(key string) (parameter, bool) {
	name := arn.ToLower(key)
	i := slices.IndexFunc(parameters, func(p parameter) bool {
		if last := p.key[len(p.key)-1]; last == '-' || last == '/' {
			return strings.HasPrefix(name, p.key) && name != p.key
		}
		return name == p.key
	})
	if i < 0 {
		return parameter{}, false
	}
	p := parameters[i]
	p.how = strings.Replace(p.how, "%", key[min(len(key), len(p.key)):], 1)
	return p, true
}

// changeRequest gives the request what one statement asks for, if that ends the
// denial, and reports whether it did.
func (s *state) changeRequest(d eval.Decision) bool {
	var views []view
	if d.Effect == eval.ExplicitDeny {
		if d.Statement < 0 {
			return false
		}
		views = append(views, s.view(d.Policy, d.Statement))
	} else if d.Reason != eval.ResourceControl {
		level := 0
		if d.Reason == eval.ServiceControl {
			level = s.closedLevel(s.p)
		}
		for _, of := range s.policiesOf(d.Reason, level) {
			for i := range of.Document().Statements {
				if v := s.view(of, i); v.s.Effect == policy.Allow && v.meets.Action && v.meets.Resource && v.meets.Principal {
					views = append(views, v)
				}
			}
		}
	}
	for _, v := range views {
		for _, keys := range s.parametersFor(v, d.Effect == eval.ExplicitDeny) {
			if s.send(v, keys, d) {
				return true
			}
		}
	}
	return false
}

// parametersFor returns the sets of keys with which a statement would change its
// mind. An Allow needs all that it lacks; of a Deny one is enough.
func (s *state) parametersFor(v view, deny bool) [][]Key {
	var sets [][]Key
	var all []Key
	for i := range v.tests {
		t := &v.tests[i]
		if !deny && (t.holds || slices.ContainsFunc(all, func(k Key) bool { return arn.EqualFold(k.Name, t.key.Name.Text) })) {
			continue
		}
		k, ok := s.parameterFor(v, t.key.Name.Text, !deny)
		switch {
		case ok && deny:
			sets = append(sets, []Key{k})
		case ok:
			all = append(all, k)
		case !deny:
			return nil
		}
	}
	if len(all) > 0 {
		sets = append(sets, all)
	}
	return sets
}

// parameterFor returns a value of a key with which the conditions of a statement
// on it hold, or one of them does not.
func (s *state) parameterFor(v view, key string, hold bool) (Key, bool) {
	p, ok := parameterOf(key)
	if !ok {
		return Key{}, false
	}
	if text, ok := s.r.Context.Resolve(key); p.lone && ok && text != "" {
		return Key{}, false
	}
	for _, k := range s.candidates(v, p, key) {
		r := s.with([]Key{k})
		holds := true
		for _, t := range v.tests {
			if arn.EqualFold(t.key.Name.Text, key) && t.compiled != nil {
				holds = holds && t.compiled.Match(r.Context)
			}
		}
		if holds == hold {
			return k, true
		}
	}
	return Key{}, false
}

// candidates are the values of a key that a statement speaks of, the empty one
// first.
func (s *state) candidates(v view, p parameter, key string) []Key {
	var list []Key
	for _, t := range v.tests {
		if !arn.EqualFold(t.key.Name.Text, key) {
			continue
		}
		for _, value := range t.key.Values.List {
			if text, ok := s.example(t, value.Text, v.doc.HasVariables()); ok {
				list = append(list, Key{Name: key, Value: text})
			}
		}
		if t.op.Name == "Bool" {
			list = append(list, Key{Name: key, Value: "true"}, Key{Name: key, Value: "false"})
		}
	}
	slices.SortStableFunc(list, func(a, b Key) int { return count(a.Value != "") - count(b.Value != "") })
	if strings.HasPrefix(p.key, "s3:x-amz-") || strings.HasSuffix(p.key, "tag/") {
		list = append(list, Key{Name: key, IsAbsent: true})
	}
	return list
}

// example returns a text that a value of a condition takes in.
func (s *state) example(t test, value string, variables bool) (string, bool) {
	if t.op.Name == "Null" || t.op.Name == "Bool" {
		return "", false
	}
	if t.op.Name == "IpAddress" || t.op.Name == "NotIpAddress" {
		return value, true
	}
	var syntax arn.Syntax
	if variables && takesVariables(t.op) {
		syntax = arn.Variables
	}
	if isPattern(t.op) {
		value = strings.TrimRight(value, "*")
		if strings.ContainsAny(value, "*?") && syntax == 0 {
			return "", false
		}
	}
	w, err := arn.CompileWildcard(value, syntax)
	if err != nil {
		return "", false
	}
	return w.Expand(s.r.Context)
}

// with returns the request with other keys.
func (s *state) with(keys []Key) *eval.Request {
	r := *s.r
	r.Context = &condition.Context{}
	r.Context.Over(s.r.Context)
	for _, k := range keys {
		switch {
		case k.IsAbsent:
			r.Context.Delete(k.Name)
		case arn.EqualFold(k.Name, "aws:SourceIp"):
			if n, ok := condition.ParseNetwork(k.Value); ok {
				r.Context.SetIP(k.Name, n.Addr())
			}
		default:
			r.Context.SetString(k.Name, k.Value)
		}
	}
	return &r
}

// send makes a request with other keys, if that ends a denial.
func (s *state) send(v view, keys []Key, d eval.Decision) bool {
	r := s.with(keys)
	before := s.r
	s.r = r
	after := eval.Decide(r, s.p)
	var ok bool
	switch {
	case d.Effect == eval.ExplicitDeny:
		ok = !v.of.Elements(v.index, r, s.p).Match()
	case after.Effect == eval.ExplicitDeny:
		ok = false
	default:
		ok = s.allows(v.of)
	}
	if !ok && !after.Allowed() {
		s.r = before
		return false
	}
	var how []string
	for _, k := range keys {
		p, _ := parameterOf(k.Name)
		value := k.Value
		if value == "" {
			value = `"" (empty, but sent)`
		}
		if k.IsAbsent {
			how = append(how, "do not send "+k.Name)
		} else {
			how = append(how, p.how+value)
		}
	}
	verb := " asks"
	if d.Effect == eval.ExplicitDeny {
		verb = " demands"
	}
	s.changes = append(s.changes, Change{Kind: ChangeRequest, Statement: -1, Keys: keys, Description: strings.Join(how, " and ") + ", as " + v.name() + verb})
	return true
}
