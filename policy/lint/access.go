package lint

import (
	"slices"
	"strings"

	"github.com/keywright/keywright/facts"
	"github.com/keywright/keywright/policy"
)

// access is what a document's statements say about S3, in the terms in which
// people think of it: buckets, folders, and what is done with them.
type access struct {
	statements []s3Statement
	buckets    map[string]*bucketAccess // what is allowed, by the bucket as it is written
	order      []*bucketAccess          // as the document names them
	everywhere actionSet                // what is allowed whatever the bucket
}

// s3Statement is one statement, with its actions and resources taken apart.
type s3Statement struct {
	*policy.Statement
	index     int
	actions   []s3Action // of Action; none for NotAction
	resources []s3Resource
}

// s3Action is a value of Action with the actions of S3 that it takes in.
type s3Action struct {
	policy.Value
	takesIn []*facts.Action
}

// isLiteral reports whether the action is written out.
func (a *s3Action) isLiteral() bool { return !strings.ContainsAny(a.Text, "*?") }

// is reports whether the action is one of those with the given names, written
// out.
func (a *s3Action) is(names ...string) bool {
	return a.isLiteral() && len(a.takesIn) == 1 && slices.Contains(names, a.takesIn[0].Name)
}

// includes returns which of the named actions the value takes in.
func (a *s3Action) includes(names []string) []string {
	var found []string
	for _, name := range names {
		if slices.ContainsFunc(a.takesIn, func(f *facts.Action) bool { return f.Name == name }) {
			found = append(found, name)
		}
	}
	return found
}

// s3Resource is a value of Resource that is a bucket, objects, or everything.
type s3Resource struct {
	policy.Value
	bucket     string // as it is written; empty for everything
	key        string // pattern of keys, for objects
	takes      target
	everything bool // any bucket and what is in it
}

// folder returns what the keys of an object resource begin with, up to the last
// slash before any wildcard. It is empty for what is not limited to a folder.
func (r *s3Resource) folder() string {
	if !r.takes.object || r.everything {
		return ""
	}
	literal := r.key[:wildcardIn(r.key)]
	return literal[:strings.LastIndexByte(literal, '/')+1]
}

// isSingle reports whether the resource is objects without a wildcard.
func (r *s3Resource) isSingle() bool {
	return r.takes.object && !r.takes.bucket && wildcardIn(r.key) == len(r.key)
}

// wildcardIn returns the offset of the first wildcard of a pattern, or its
// length. What stands in ${...} is none.
func wildcardIn(pattern string) int {
	for i := 0; i < len(pattern); i++ {
		switch pattern[i] {
		case '*', '?':
			return i
		case '$':
			if strings.HasPrefix(pattern[i:], "${") {
				end := strings.IndexByte(pattern[i:], '}')
				if end < 0 {
					return len(pattern)
				}
				i += end
			}
		}
	}
	return len(pattern)
}

// actionSet is a set of names of actions.
type actionSet map[string]bool

func (s actionSet) add(actions []*facts.Action) {
	for _, a := range actions {
		s[a.Name] = true
	}
}

// bucketAccess is what the statements allow on one bucket.
type bucketAccess struct {
	name    string
	actions actionSet                // those that fit a resource of their statement
	written map[string]writtenAction // the first action of each name that is written out
	folders bool                     // whether all objects with data access are in folders
	objects bool                     // whether there is data access at all
	whole   bool                     // whether there is data access to every object
}

// writtenAction is an action that is written out in a statement.
type writtenAction struct {
	policy.Value
	statement int // index of it
}

// dataActions are those that read, write and delete objects.
var dataActions = []string{"s3:GetObject", "s3:PutObject", "s3:DeleteObject"}

// s3Access takes a document's statements apart.
func (v *validator) s3Access() *access {
	a := &access{buckets: map[string]*bucketAccess{}, everywhere: actionSet{}}
	known := map[string][]*facts.Action{}
	for i := range v.doc.Statements {
		s := s3Statement{Statement: &v.doc.Statements[i], index: i}
		if s.Action != nil {
			for _, value := range s.Action.List {
				takesIn, ok := known[value.Text]
				if !ok {
					takesIn = s3ActionsOf(value.Text)
					known[value.Text] = takesIn
				}
				s.actions = append(s.actions, s3Action{value, takesIn})
			}
		}
		if s.Resource != nil {
			for _, value := range s.Resource.List {
				if r, ok := readS3Resource(value); ok {
					s.resources = append(s.resources, r)
				}
			}
		}
		a.statements = append(a.statements, s)
		if s.Effect == policy.Allow {
			a.allow(&s)
		}
	}
	return a
}

// s3ActionsOf returns the actions of S3 that an action's pattern takes in,
// including "*".
func s3ActionsOf(pattern string) []*facts.Action {
	if strings.Trim(pattern, "*") == "" && pattern != "" {
		pattern = "s3:*"
	}
	return s3Actions(pattern)
}

// readS3Resource reads a bucket, objects or everything. Access points and
// resources of other services are none.
func readS3Resource(v policy.Value) (s3Resource, bool) {
	r := s3Resource{Value: v}
	if v.Text != "" && strings.Trim(v.Text, "*") == "" {
		r.everything, r.takes = true, target{true, true}
		return r, true
	}
	fields := strings.SplitN(v.Text, ":", 6)
	if len(fields) != 6 || fields[0] != "arn" || fields[2] != "s3" || fields[3]+fields[4] != "" || fields[5] == "" {
		return r, false
	}
	bucket, key, isObject := strings.Cut(fields[5], "/")
	switch {
	case isObject:
		r.bucket, r.key, r.takes = bucket, key, target{object: true}
	case strings.Trim(bucket, "*") == "":
		r.everything, r.takes = true, target{true, true}
	default:
		r.bucket, r.takes = bucket, target{bucket: true, object: strings.ContainsAny(bucket, "*?")}
	}
	return r, true
}

// allow adds what a statement allows.
func (a *access) allow(s *s3Statement) {
	for i := range s.resources {
		r := &s.resources[i]
		into := a.everywhere
		var b *bucketAccess
		if !r.everything {
			b = a.bucket(r.bucket)
			into = b.actions
		}
		for j := range s.actions {
			var fitting []*facts.Action
			for _, of := range s.actions[j].takesIn {
				if r.takes.suits(of) {
					fitting = append(fitting, of)
				}
			}
			into.add(fitting)
			if b != nil && len(fitting) == 1 && s.actions[j].isLiteral() {
				b.write(writtenAction{s.actions[j].Value, s.index}, fitting[0].Name)
			}
			if b != nil && r.takes.object && len(s.actions[j].includes(dataActions)) > 0 {
				b.addData(r)
			}
		}
	}
}

func (a *access) bucket(name string) *bucketAccess {
	b := a.buckets[name]
	if b == nil {
		b = &bucketAccess{name: name, actions: actionSet{}, written: map[string]writtenAction{}}
		a.buckets[name] = b
		a.order = append(a.order, b)
	}
	return b
}

func (b *bucketAccess) write(v writtenAction, name string) {
	if _, ok := b.written[name]; !ok {
		b.written[name] = v
	}
}

func (b *bucketAccess) addData(r *s3Resource) {
	inFolder := r.folder() != "" || r.isSingle()
	b.folders = inFolder && (b.folders || !b.objects)
	b.objects = true
	b.whole = b.whole || strings.Trim(r.key, "*") == ""
}
