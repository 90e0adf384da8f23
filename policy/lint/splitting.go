package lint

import (
	"strings"

	"github.com/keywright/keywright/policy"
	"github.com/keywright/keywright/policy/edit"
)

// mixed reports a statement that allows actions on a bucket and actions on
// objects, on both: nobody sees in it which action is meant for which resource.
func (v *validator) mixed(s *s3Statement) {
	if s.Resource == nil || len(s.resources) != len(s.Resource.List) {
		return
	}
	var onBucket, onObjects []int // indexes of actions
	for i := range s.actions {
		a := &s.actions[i]
		if !a.isLiteral() || len(a.takesIn) != 1 {
			return
		}
		of := a.takesIn[0]
		switch {
		case of.HasResource("bucket") && !of.HasResource("object"):
			onBucket = append(onBucket, i)
		case of.HasResource("object") && !of.HasResource("bucket"):
			onObjects = append(onObjects, i)
		default:
			return
		}
	}
	var buckets, objects []int // indexes of resources
	for i := range s.resources {
		switch r := &s.resources[i]; {
		case r.takes.bucket && r.takes.object:
			return
		case r.takes.bucket:
			buckets = append(buckets, i)
		default:
			objects = append(objects, i)
		}
	}
	if len(onBucket) == 0 || len(onObjects) == 0 || len(buckets) == 0 || len(objects) == 0 {
		return
	}
	f := v.report(MixedStatement, s.Action.Position, "", "%s is for the bucket, %s is for objects, and the statement is about both",
		s.actions[onBucket[0]].Text, s.actions[onObjects[0]].Text)
	v.fixBySplitting(f, s, split{onObjects, objects, onBucket, buckets})
}

// split says by index which actions and resources a statement has for objects,
// and which for buckets.
type split struct{ objectActions, objects, bucketActions, buckets []int }

// fixBySplitting moves what a statement says about objects into a statement of
// its own. It changes no decision: an action on a bucket is never asked for on
// an object, nor the other way round.
func (v *validator) fixBySplitting(f *Finding, s *s3Statement, by split) {
	if !v.fixable() {
		return
	}
	actions, ok1 := v.edits.RemoveValues(s.Action, by.objectActions...)
	resources, ok2 := v.edits.RemoveValues(s.Resource, by.objects...)
	if !ok1 || !ok2 {
		return
	}
	edits := v.join(append(actions, resources...), v.edits.AddStatement(v.objectStatement(s, by)))
	if len(edits) > 0 && v.accepts(edits) {
		f.fix("move what is for objects into a statement of its own", edits...)
	}
}

// join adds the edit that adds a statement to those that change the statement
// before it. One that stands in no array is written anew by the former, which
// then makes the changes too.
func (v *validator) join(changes []edit.Edit, add edit.Edit) []edit.Edit {
	if add.Start == add.End {
		return append(changes, add)
	}
	before := v.source[add.Start:add.End]
	for i := range changes {
		changes[i].Start -= add.Start
		changes[i].End -= add.Start
	}
	after, err := edit.Apply([]byte(before), changes...)
	if err != nil { // cannot be: they are changes of the statement
		return nil
	}
	add.Text = strings.Replace(add.Text, before, string(after), 1)
	return []edit.Edit{add}
}

// objectStatement writes the statement for objects.
func (v *validator) objectStatement(s *s3Statement, by split) string {
	var parts []string
	if s.Sid.IsPresent() {
		parts = append(parts, `"Sid": `+edit.Quote(v.freeSid(s.Sid.Text+"Objects")))
	}
	parts = append(parts, `"Effect": "Allow"`)
	for _, p := range []*policy.Principals{s.Principal, s.NotPrincipal} {
		if p != nil {
			parts = append(parts, edit.Quote(p.Name)+": "+v.textAt(v.edits.ValuePosition(p.Position)))
		}
	}
	parts = append(parts, `"Action": `+array(s.Action, by.objectActions), `"Resource": `+array(s.Resource, by.objects))
	if s.ConditionPosition.IsValid() {
		parts = append(parts, `"Condition": `+v.textAt(v.edits.ValuePosition(s.ConditionPosition)))
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// textAt returns the text of the value at a position.
func (v *validator) textAt(at policy.Position) string {
	l, _ := v.edits.Locate(at.Offset)
	return v.source[l.Start.Offset:l.End.Offset]
}

func array(values *policy.Values, indexes []int) string {
	var items []string
	for _, i := range indexes {
		items = append(items, edit.Quote(values.List[i].Text))
	}
	if len(items) == 1 {
		return items[0]
	}
	return "[" + strings.Join(items, ", ") + "]"
}

// freeSid returns a Sid that no statement has.
func (v *validator) freeSid(sid string) string {
	for i := range v.doc.Statements {
		if v.doc.Statements[i].Sid.Text == sid {
			return v.freeSid(sid + "2")
		}
	}
	return sid
}

// accepts reports whether S3 takes a bucket policy with the edits made: its size
// has a limit, and each of its conditions must suit an action of the statement.
// IAM takes other policies after a split when it took them before. It is false
// when too much was tried already.
func (v *validator) accepts(edits []edit.Edit) bool {
	if v.kind != Bucket {
		return true
	}
	if v.untried -= len(v.source); v.untried < 0 {
		return false
	}
	source, err := edit.Apply([]byte(v.source), edits...)
	if err != nil {
		return false
	}
	_, refusals := Parse(source, v.kind, v.opts)
	return len(refusals) == 0
}
