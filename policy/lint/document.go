package lint

import (
	"slices"
	"strings"

	"github.com/keywright/keywright/policy"
)

// The most characters of a policy of AWS Organizations, white space included
// ("Quotas and service limits for AWS Organizations").
const (
	MaxServiceControlSize  = 5120
	MaxResourceControlSize = 5120
)

// version looks for a document that does not say which version of the language
// it is written in.
func (v *validator) version() {
	if v.doc.Version.IsPresent() {
		return
	}
	f := v.report(missingVersion, v.start(), "", "the policy has no Version, so it is read in the older language of 2008, in which ${...} is plain text: write \"Version\": \"2012-10-17\"")
	if v.fixable() && !strings.Contains(v.source, "${") {
		f.fix("add \"Version\": \"2012-10-17\"; the policy has nothing that the two versions read differently", v.edits.SetVersion(policy.Version2012))
	}
}

// start returns where the document begins.
func (v *validator) start() policy.Position {
	return v.doc.PositionAt(strings.IndexByte(v.source, '{'))
}

// size looks for a document that is larger than its type may be.
func (v *validator) size() {
	code, n, most, what := policy.Code(""), IAMSize(v.source), 0, "characters without white space"
	switch v.kind {
	case Identity, PermissionsBoundary:
		code, most = policySizeIdentity, MaxManagedPolicySize
	case Session:
		code, most = policySizeIdentity, MaxSessionPolicySize
	case Trust:
		code, most = policySizeTrust, MaxTrustPolicySize
	case ServiceControl:
		code, n, most, what = policySizeSCP, len([]rune(v.source)), MaxServiceControlSize, "characters"
	case ResourceControl:
		code, n, most, what = policySizeRCP, len([]rune(v.source)), MaxResourceControlSize, "characters"
	default:
		code, n, most, what = policySizeResource, BucketPolicySize([]byte(v.source)), MaxBucketPolicySize, "bytes without white space"
	}
	if n > most {
		v.report(code, v.start(), "", "the policy has %d %s, and %s may have %d: write several smaller ones", n, what, article(v.kind), most)
	}
}

func article(kind Kind) string {
	if kind == Identity {
		return "an " + kind.String()
	}
	return "a " + kind.String()
}

// sids looks at the names of the statements.
func (v *validator) sids() {
	seen := map[string]bool{}
	for i := range v.doc.Statements {
		v.statement = i
		s := &v.doc.Statements[i]
		switch sid := s.Sid; {
		case !sid.IsPresent():
		case sid.Text == "":
			f := v.report(emptySid, sid.Position, "", "the Sid is empty: give the statement a name, or leave the Sid out")
			if v.fixable() {
				f.fix("remove the empty Sid", v.edits.RemoveMember(v.memberName(s, sid.Position)))
			}
		case seen[sid.Text] && v.kind == Bucket:
			v.report(uniqueSidsRecommended, sid.Position, sid.Text, "another statement has the Sid %q as well, so that a message which names it leaves open which is meant: give each its own", sid.Text)
		default:
			seen[sid.Text] = true
		}
	}
	v.statement = -1
}

// memberName returns the position of the name of the member of a statement
// whose value stands at a position.
func (v *validator) memberName(s *policy.Statement, value policy.Position) policy.Position {
	before := strings.TrimRight(v.source[s.Position.Offset:value.Offset], " \t\r\n:")
	return v.doc.PositionAt(s.Position.Offset + strings.LastIndexByte(before[:len(before)-1], '"'))
}

// repeated looks for statements that say the same as an earlier one.
func (v *validator) repeated() {
	first := map[string]int{}
	for i := range v.doc.Statements {
		v.statement = i
		s := &v.doc.Statements[i]
		text := meaning(s)
		j, ok := first[text]
		if !ok {
			first[text] = i
			continue
		}
		f := v.report(redundantStatement, s.Position, "", "the statement says the same as the one at %s: keep one of the two", v.doc.Statements[j].Position)
		if v.fixable() {
			if edits, ok := v.edits.RemoveStatements(i); ok {
				f.fix("remove the statement, which repeats an earlier one", edits...)
			}
		}
	}
	v.statement = -1
}

// meaning writes a statement so that statements that differ only in their Sid,
// or in the order of elements and values, are written alike.
func meaning(s *policy.Statement) string {
	var b strings.Builder
	write := func(name string, values []string) {
		slices.Sort(values)
		b.WriteString(name)
		for _, text := range values {
			b.WriteString("\x00")
			b.WriteString(text)
		}
		b.WriteString("\x01")
	}
	write(s.Effect.String(), nil)
	for _, p := range []*policy.Principals{s.Principal, s.NotPrincipal} {
		if p != nil {
			names := []string{p.Any.Text}
			for _, of := range p.List {
				names = append(names, of.Type.String()+" "+of.Value.Text)
			}
			write(p.Name, names)
		}
	}
	for _, e := range []*policy.Values{s.Action, s.NotAction, s.Resource, s.NotResource} {
		if e != nil {
			write(e.Name, texts(e.List, e == s.Action || e == s.NotAction))
		}
	}
	var conditions []string
	for i := range s.Condition {
		for j := range s.Condition[i].Keys {
			key := &s.Condition[i].Keys[j]
			values := texts(key.Values.List, false)
			slices.Sort(values)
			conditions = append(conditions, s.Condition[i].Name.Text+"\x02"+strings.ToLower(key.Name.Text)+"\x02"+strings.Join(values, "\x02"))
		}
	}
	write("Condition", conditions)
	return b.String()
}

func texts(list []policy.Value, fold bool) []string {
	all := make([]string, len(list))
	for i, v := range list {
		if all[i] = v.Text; fold {
			all[i] = strings.ToLower(v.Text)
		}
	}
	return all
}

// empty looks for elements that are there and hold nothing.
func (v *validator) empty(s *policy.Statement) {
	for _, e := range []*policy.Values{s.Action, s.NotAction} {
		if e != nil && len(e.List) == 0 {
			v.reportIn(emptyArrayAction, e.Position, e.Name, "%s holds no action, so the statement does nothing: write the actions that are meant", e.Name)
		}
	}
	for _, e := range []*policy.Values{s.Resource, s.NotResource} {
		if e != nil && len(e.List) == 0 {
			v.reportIn(emptyArrayResource, e.Position, e.Name, "%s holds no resource, so the statement does nothing: write the ARNs that are meant", e.Name)
		}
	}
	for _, p := range []*policy.Principals{s.Principal, s.NotPrincipal} {
		if p == nil || p.Any.IsPresent() || len(p.List) > 0 {
			continue
		}
		code := emptyObjectPrincipal
		if _, inside, _ := strings.Cut(v.source[p.Position.Offset:], "{"); !strings.HasPrefix(strings.TrimLeft(inside, " \t\r\n"), "}") {
			code = emptyArrayPrincipal
		}
		v.reportIn(code, p.Position, p.Name, "%s names nobody, so the statement does nothing: write whom it is for", p.Name)
	}
	if s.ConditionPosition.IsValid() && len(s.Condition) == 0 {
		f := v.reportIn(emptyObjectCondition, s.ConditionPosition, "", "the Condition is empty, so the statement applies without any: write the condition that is meant, or leave it out")
		if v.fixable() {
			f.fix("remove the empty Condition", v.edits.RemoveMember(s.ConditionPosition))
		}
	}
	for i := range s.Condition {
		op := &s.Condition[i]
		if len(op.Keys) > 0 {
			continue
		}
		f := v.reportIn(emptyObjectCondition, op.Name.Position, op.Name.Text, "%s holds no condition key, so it asks for nothing: write the condition that is meant, or leave it out", op.Name.Text)
		if v.fixable() {
			f.fix("remove the empty "+op.Name.Text, v.removeOperator(s, op))
		}
	}
}
