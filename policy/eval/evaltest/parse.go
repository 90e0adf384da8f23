package evaltest

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/keywright/keywright/policy/acl"
)

// reader is the state of a file: what the lines so far have set.
type reader struct {
	file     *File
	lines    []string
	next     int
	at       string
	source   string
	policies map[string]*Policy
	state    State
}

// Parse reads a text of cases, over the principals that all files use. Errors
// name the line; name is what they call the file.
func Parse(name, text string, principals []*Principal) (*File, error) {
	r := &reader{
		file:     &File{Name: strings.TrimSuffix(filepath.Base(name), ".txt"), Principals: slices.Clone(principals)},
		lines:    strings.Split(text, "\n"),
		policies: map[string]*Policy{},
		state:    State{Owner: DefaultOwner},
	}
	for r.next < len(r.lines) {
		line := r.line()
		r.at = fmt.Sprintf("%s:%d", filepath.Base(name), r.next)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		word, rest, _ := strings.Cut(line, " ")
		if err := r.read(word, strings.TrimSpace(rest)); err != nil {
			return nil, fmt.Errorf("%s: %w", r.at, err)
		}
	}
	return r.file, nil
}

func (r *reader) line() string {
	r.next++
	return strings.TrimSpace(r.lines[r.next-1])
}

func (r *reader) read(word, rest string) error {
	s := &r.state
	var err error
	switch word {
	case "source:":
		r.source = rest
	case "policy", "bound-policy":
		err = r.addPolicy(rest, word == "bound-policy")
	case "principal":
		err = r.addPrincipal(rest)
	case "as":
		if s.Principal = r.file.Named(rest); s.Principal == nil {
			err = fmt.Errorf("no principal %q", rest)
		}
	case "owner":
		s.Owner = rest
	case "identity":
		s.Identity, err = r.list(rest)
	case "boundary":
		s.Boundary, err = r.one(rest)
	case "session":
		s.Session, err = r.list(rest)
		s.HasSession = rest != "none"
	case "resource":
		s.Resource, err = r.one(rest)
	case "scp":
		s.ServiceControl, err = r.levels(rest)
	case "rcp":
		s.ResourceControl, err = r.levels(rest)
	case "restrict-public-buckets":
		s.RestrictPublicBuckets = rest == "true"
	case "bucket-acl", "object-acl", "ignore-public-acls":
		s.ACLs, err = s.ACLs.with(word, rest)
	case "reset":
		*s = State{Owner: DefaultOwner, Principal: s.Principal}
	default:
		err = r.addCase(word, rest)
	}
	return err
}

// with returns the ACLs after a line that changes them.
func (a *ACLs) with(word, text string) (*ACLs, error) {
	if word == "bucket-acl" && text == "disabled" {
		return nil, nil
	}
	if word == "bucket-acl" {
		l, err := parseACL(text)
		return &ACLs{Bucket: l, NoObject: true}, err
	}
	if a == nil {
		return nil, fmt.Errorf("ACLs are disabled: a bucket-acl comes first")
	}
	changed := *a
	var err error
	switch {
	case word == "ignore-public-acls":
		changed.IgnorePublic = text == "true"
	case text == "none" || text == "unknown":
		changed.Object, changed.NoObject = nil, text == "none"
	default:
		changed.Object, err = parseACL(text)
		changed.NoObject = false
	}
	return &changed, err
}

var groups = map[string]string{
	"AllUsers": acl.AllUsers, "AuthenticatedUsers": acl.AuthenticatedUsers, "LogDelivery": acl.LogDelivery, "anonymous": acl.AnonymousID,
}

// parseACL reads an owner, and grants as PERMISSION=GRANTEE.
func parseACL(text string) (*acl.List, error) {
	words := strings.Fields(text)
	if len(words) == 0 {
		return nil, fmt.Errorf("an ACL has an owner")
	}
	l := &acl.List{Owner: grantee(words[0])}
	for _, w := range words[1:] {
		name, who, _ := strings.Cut(w, "=")
		p, ok := acl.ParsePermission(name)
		if !ok || who == "" {
			return nil, fmt.Errorf("%q is no PERMISSION=GRANTEE", w)
		}
		l.Grants = append(l.Grants, acl.Grant{Grantee: grantee(who), Permission: p})
	}
	return l, nil
}

func grantee(name string) string {
	if known, ok := groups[name]; ok {
		return known
	}
	return name
}

// addPolicy reads the head of a policy, and its document up to an empty line.
func (r *reader) addPolicy(head string, bind bool) error {
	name, kind, ok := strings.Cut(head, " ")
	if !ok {
		return fmt.Errorf("policy %q has no type", head)
	}
	p := &Policy{Name: name, Type: kind, At: r.at}
	var lines []string
	for r.next < len(r.lines) && strings.TrimSpace(r.lines[r.next]) != "" {
		lines = append(lines, r.lines[r.next])
		r.next++
	}
	p.Document = strings.Join(lines, "\n")
	if bind {
		p.Bound = map[string]string{}
		for _, who := range slices.Backward(r.file.Principals) {
			for _, name := range []string{who.ARN, who.IssuerARN} {
				if name != "" && who.UniqueID != "" {
					p.Bound[name] = who.UniqueID
				}
			}
		}
	}
	if r.policies[name] != nil {
		return fmt.Errorf("there is a policy %q already", name)
	}
	r.policies[name] = p
	r.file.Policies = append(r.file.Policies, p)
	return nil
}

func (r *reader) addPrincipal(text string) error {
	words := split(text)
	if len(words) < 2 || !slices.Contains([]string{"anonymous", "root", "user", "role", "federated", "service", "provider"}, words[1]) {
		return fmt.Errorf("principal %q has no type", text)
	}
	p := &Principal{Name: words[0], Type: words[1]}
	fields := map[string]*string{
		"arn": &p.ARN, "issuer": &p.IssuerARN, "account": &p.AccountID, "id": &p.UniqueID,
		"canonical": &p.CanonicalUserID, "service": &p.ServiceName,
	}
	for _, w := range words[2:] {
		name, v, _ := strings.Cut(w, "=")
		if field, ok := fields[name]; ok {
			*field = v
			continue
		}
		k, err := ParseKey(w)
		if err != nil {
			return err
		}
		p.Keys = append(p.Keys, k)
	}
	r.file.Principals = append(r.file.Principals, p)
	return nil
}

func (r *reader) one(name string) (*Policy, error) {
	if name == "none" {
		return nil, nil
	}
	p, ok := r.policies[name]
	if !ok {
		return nil, fmt.Errorf("no policy %q", name)
	}
	return p, nil
}

func (r *reader) list(names string) ([]*Policy, error) {
	var list []*Policy
	for _, n := range strings.Fields(names) {
		if n == "none" || n == "empty" {
			continue
		}
		p, err := r.one(n)
		if err != nil {
			return nil, err
		}
		list = append(list, p)
	}
	return list, nil
}

func (r *reader) levels(names string) ([][]*Policy, error) {
	if names == "none" {
		return nil, nil
	}
	var levels [][]*Policy
	for _, level := range strings.Split(names, "/") {
		list, err := r.list(level)
		if err != nil {
			return nil, err
		}
		levels = append(levels, list)
	}
	return levels, nil
}

func (r *reader) addCase(word, rest string) error {
	effect, reason, _ := strings.Cut(word, "/")
	if effect != "allowed" && effect != "implicitDeny" && effect != "explicitDeny" {
		return fmt.Errorf("unknown word %q", word)
	}
	words := split(rest)
	if len(words) < 2 || r.state.Principal == nil {
		return fmt.Errorf("a case needs an action, a resource and somebody")
	}
	c := &Case{State: r.state, At: r.at, Source: r.source, Action: words[0], Resource: words[1], Effect: effect, Reason: reason}
	if c.Resource != "*" && !strings.HasPrefix(c.Resource, "arn:") {
		c.Resource = "arn:aws:s3:::" + c.Resource
	}
	for _, w := range words[2:] {
		k, err := ParseKey(w)
		if err != nil {
			return err
		}
		c.Keys = append(c.Keys, k)
	}
	r.file.Cases = append(r.file.Cases, c)
	return nil
}

// split cuts at blanks outside double quotes, and takes the quotes away.
func split(s string) []string {
	var words []string
	var word strings.Builder
	quoted, started := false, false
	for _, r := range s {
		switch {
		case r == '"':
			quoted, started = !quoted, true
		case r == ' ' && !quoted:
			if started {
				words = append(words, word.String())
			}
			word.Reset()
			started = false
		default:
			word.WriteRune(r)
			started = true
		}
	}
	if started {
		words = append(words, word.String())
	}
	return words
}
