package evaltest

import (
	"encoding/base64"
	"slices"
	"strconv"
	"strings"

	"github.com/keywright/keywright/policy/acl"
)

// Source is where a Random draws from. IntN returns a number from 0 up to n,
// which it is not, as that of math/rand/v2 does.
type Source interface{ IntN(n int) int }

// Bytes are a Source of their bytes, so that fuzzing changes what is drawn. When
// they are used up, the first of everything is drawn.
type Bytes []byte

// IntN returns the next byte modulo n, and 0 when there is none.
func (b *Bytes) IntN(n int) int {
	if len(*b) == 0 {
		return 0
	}
	first := (*b)[0]
	*b = (*b)[1:]
	return int(first) % n
}

// Random makes policies and requests of every kind. It draws names and values
// from few, so that statements match often and the rules of combination are
// what is tested; and of those that are apt to be read wrongly: wildcards beside
// colons, variables with and without values, characters of several bytes.
type Random struct {
	Source
	Principals []*Principal
}

var (
	randomActions = []string{
		"s3:GetObject", "s3:PutObject", "s3:ListBucket", "s3:PutBucketPolicy", "s3:GetBucketPolicy", "S3:getObject", "sts:AssumeRole", "iam:GetUser",
		"s3:DeleteObject", "s3:PutObjectAcl", "s3:getobjectversionacl", "s3:GetObjectTagging", "s3:GetObjectAttributes",
	}
	randomWideActions = []string{"s3:ListAllMyBuckets", "s3:CreateJob", "iam:ListUsers", "S3:listallmybuckets"}
	randomPatterns    = []string{
		"*", "s3:*", "s3:Get*", "S3:getobject", "s3:PutObject", "s3:*Bucket*", "s3:???Object", "sts:AssumeRole", "s3:ListAllMyBuckets", "iam:*", "s3:*t*t*", "s3:List*",
	}
	randomResources = []string{
		"arn:aws:s3:::b", "arn:aws:s3:::b/a", "arn:aws:s3:::b/a/x", "arn:aws:s3:::b/David/x", "arn:aws:s3:::bb/a", "arn:aws:s3:::b/a:b:c", "arn:aws:s3:::b/*",
		"arn:aws:s3:::b/é", "arn:aws:s3:::b/日本/a", "arn:aws:s3:::b/", "arn:aws:s3:::b/${aws:username}/x", "arn:aws:iam::111111111111:role/r",
		"arn:aws:iam::111111111111:user/David", "arn:aws-cn:s3:::b/a", "arn:aws:s3:eu-central-1:111111111111:accesspoint/p",
	}
	randomResourcePatterns = []string{
		"*", "arn:aws:s3:::*", "arn:aws:s3:::b", "arn:aws:s3:::b/*", "arn:aws:s3:::b*", "arn:aws:s3:::b/a", "arn:aws:s3:::b/a/*", "arn:aws:s3:::?/?",
		"arn:aws:s3:::b/${aws:username}/*", "arn:aws:s3:::b/${aws:PrincipalTag/t, 'a'}*", "arn:*:s3:*:*:b/?", "arn:aws:iam::1*:role/r", "arn:aws:s3:::${absent}",
		"arn:aws*:s3:::b/a", "arn:*:*:*:*:*", "arn:aws:s3:*:*:b/a", "arn:aws:s3:::b/*:*", "arn:aws:s3:::*/*/x", "arn:aws:s3:::b/${*}", "arn:aws:s3:::b/??", "arn:aws:iam::*:*",
		"arn:aws:s3:::b/${aws:TagKeys}/x", "arn:aws:s3:::b/${AWS:UserName}/?", "arn:aws:s3:::${s3:prefix,'b'}*", "arn:aws:s3:::b/${$}{aws:username}/x", "arn:aws:*:::b/*a*",
		"arn:aws:s3:*:1???????????:accesspoint/*", "arn:aws:iam:::*", "arn:aws:s3:::*é", "arn:aws:s3:::b/日?/*",
	}
	randomNames = [][2]string{
		{"AWS", "*"}, {"AWS", "111111111111"}, {"AWS", "arn:aws:iam::222222222222:root"}, {"AWS", "arn:aws:iam::111111111111:root"},
		{"AWS", "arn:aws-cn:iam::111111111111:root"}, {"AWS", "arn:aws:iam::111111111111:user/David"}, {"AWS", "arn:aws:iam::111111111111:role/app"},
		{"AWS", "arn:aws:sts::111111111111:assumed-role/app/s1"}, {"AWS", "arn:aws:sts::111111111111:federated-user/fred"}, {"AWS", "AIDADAVIDAAAAAAAAAAAA"},
		{"AWS", "AROAAPPAAAAAAAAAAAAAA"}, {"AWS", "arn:aws:iam::222222222222:user/stranger"}, {"AWS", "arn:aws:iam::222222222222:role/tool"},
		{"Service", "logging.s3.amazonaws.com"}, {"Service", "Logging.S3.amazonaws.com"}, {"Service", "ec2.amazonaws.com"}, {"CanonicalUser", "canonicalone"},
		{"CanonicalUser", "canonicaltwo"}, {"Federated", "arn:aws:iam::111111111111:oidc-provider/idp.example.com"}, {"Federated", "cognito-identity.amazonaws.com"},
	}
)

// family is a group of operators with the keys they are for, what those keys may
// have, and what policies compare them with.
type family struct {
	operators []string
	keys      []string
	types     []string // of the key's value, as Key has it
	have      []string
	want      []string
}

var families = []family{
	{
		[]string{"StringEquals", "StringNotEquals", "StringLike", "StringNotLike", "StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase"},
		[]string{"s3:prefix", "aws:username", "S3:Prefix", "aws:PrincipalTag/t", "absent", "aws:userid"},
		[]string{"", "", "list", "int", "bool", "time"},
		[]string{"", "a", "A", "ab", "David", "*", "é", "É", "日本", "a/b/c", "ſ", "K", "true", "${aws:username}"},
		[]string{"", "a", "A", "a*", "*", "?", "David", "${aws:username}", "${*}", "${?}", "${absent, 'a'}", "${absent}", "${aws:TagKeys}", "É", "日?", "*/*", "s", "k", "*a*b*",
			"${s3:prefix}*", "${$}{aws:username}", "2026*", "10"},
	},
	{
		[]string{"StringEquals", "StringNotEquals", "StringLike", "StringNotLike"},
		[]string{"aws:TagKeys", "aws:PrincipalOrgPaths", "AWS:TagKeys"},
		[]string{"list", "list", "list", ""},
		[]string{"", "a", "A", "ab", "David", "b"},
		[]string{"", "a", "A", "a*", "b", "*", "?", "${aws:username}"},
	},
	{
		[]string{"NumericEquals", "NumericNotEquals", "NumericLessThan", "NumericLessThanEquals", "NumericGreaterThan", "NumericGreaterThanEquals"},
		[]string{"s3:max-keys", "aws:MultiFactorAuthAge", "s3:signatureAge"},
		[]string{"int", "int", "", "list", "time"},
		[]string{"0", "1", "10", "-1", "9007199254740993", "9223372036854775807", "1000"},
		[]string{"0", "1", "10", "10.5", "1e1", "-1", "9007199254740992", "9007199254740993", "9223372036854775807", "+1", "0.1", "1000.0", "9007199254740992.0", "9.223372036854775807e18"},
	},
	{
		[]string{"DateEquals", "DateNotEquals", "DateLessThan", "DateLessThanEquals", "DateGreaterThan", "DateGreaterThanEquals"},
		[]string{"aws:CurrentTime", "aws:EpochTime", "aws:TokenIssueTime"},
		[]string{"time", "time", "", "int"},
		[]string{"2026-01-01T00:00:00Z", "2025-12-31T23:00:00-01:00", "2027-02-03T04:05:06Z"},
		[]string{"2026-01-01T00:00:00Z", "2026-01-01", "2026", "1767225600", "2026-01-01T01:00:00+01:00", "2027-02-03T04:05Z", "2026-01", "1798949106"},
	},
	{
		[]string{"Bool"},
		[]string{"aws:SecureTransport", "aws:MultiFactorAuthPresent", "aws:ViaAWSService"},
		[]string{"bool", "bool", "", "list"},
		[]string{"true", "false"},
		[]string{"true", "false", "True", "FALSE", "${aws:PrincipalTag/t}", "${absent, 'true'}"},
	},
	{
		[]string{"BinaryEquals"},
		[]string{"x:digest"},
		[]string{"", "", "list", "int"},
		[]string{"", "a", "ab", "é", "10"},
		[]string{base64.StdEncoding.EncodeToString([]byte("a")), base64.StdEncoding.EncodeToString([]byte("é")), "", "YWI=", "MTA="},
	},
	{
		[]string{"IpAddress", "NotIpAddress"},
		[]string{"aws:SourceIp", "aws:VpcSourceIp"},
		[]string{"ip", "ip", "", "list"},
		[]string{"203.0.113.7", "10.0.0.1", "2001:db8::1", "::ffff:10.0.0.1", "192.0.2.255"},
		[]string{"203.0.113.0/24", "203.0.113.7", "10.0.0.0/8", "0.0.0.0/0", "2001:db8::/32", "::/0", "2001:DB8:0:0::1", "10.9.9.9/8", "::ffff:10.0.0.0/104", "192.0.2.254/31"},
	},
	{
		[]string{"ArnEquals", "ArnLike", "ArnNotEquals", "ArnNotLike"},
		[]string{"aws:PrincipalArn", "aws:SourceArn", "absent"},
		[]string{"", "", "list"},
		[]string{"arn:aws:iam::111111111111:role/app", "arn:aws:iam::111111111111:user/David", "arn:aws:s3:::b", "arn:aws:s3:::b/a:b", "no arn", "", "arn:aws:iam::11:1:role/app", "arn:aws:s3:::", "arn:::::"},
		[]string{"arn:aws:iam::111111111111:role/app", "arn:aws:iam::*:user/*", "arn:*:*:*:*:*", "arn:aws:iam::1*:*", "arn:aws:s3:::b*", "arn:aws:iam::111111111111:user/${aws:username}",
			"${aws:PrincipalArn}", "arn:aws:s3:::?", "*", "arn:aws:iam::*:role/app", "arn:aws:i?m::111111111111:*"},
	},
}

// oneOf draws from a list.
func oneOf[T any](r *Random, list []T) T { return list[r.IntN(len(list))] }

func (r *Random) chance(of, in int) bool { return r.IntN(in) < of }

// Types are the types of policies that Document makes.
var Types = []string{"identity", "boundary", "session", "resource", "trust", "key", "scp", "rcp"}

// Document makes a policy of a type that compiles.
func (r *Random) Document(kind string) string {
	var b strings.Builder
	b.WriteByte('{')
	version := oneOf(r, []string{"2012-10-17", "2012-10-17", "2012-10-17", "2008-10-17", ""})
	if version != "" {
		b.WriteString(`"Version":` + quote(version) + ",")
	}
	b.WriteString(`"Statement":`)
	n := 1 + r.IntN(4)
	isArray := n > 1 || r.chance(1, 2)
	if isArray {
		b.WriteByte('[')
	}
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(r.Statement(kind, oneOf(r, []string{"Allow", "Allow", "Allow", "Deny"}), version == "2012-10-17"))
	}
	if isArray {
		b.WriteByte(']')
	}
	b.WriteByte('}')
	return b.String()
}

// Statement makes a statement that compiles in a policy of a type. variables says
// whether ${...} is a variable there.
func (r *Random) Statement(kind, effect string, variables bool) string {
	members := []string{`"Effect":` + quote(effect)}
	add := func(name, value string) { members = append(members, quote(name)+":"+value) }
	switch kind {
	case "resource", "trust", "key":
		r.addPrincipal(kind, effect, add)
	case "rcp":
		add("Principal", oneOf(r, []string{`"*"`, `{"AWS":"*"}`}))
	}
	add(oneOf(r, []string{"Action", "Action", "Action", "NotAction"}), r.values(randomPatterns))
	if kind != "trust" {
		add(oneOf(r, []string{"Resource", "Resource", "Resource", "NotResource"}), r.values(randomResourcePatterns))
	}
	if r.chance(2, 5) {
		add("Condition", r.condition(variables))
	}
	for i := range members {
		j := i + r.IntN(len(members)-i)
		members[i], members[j] = members[j], members[i]
	}
	return "{" + strings.Join(members, ",") + "}"
}

func (r *Random) addPrincipal(kind, effect string, add func(name, value string)) {
	element := "Principal"
	if kind == "resource" && effect == "Deny" && r.chance(1, 3) {
		element = "NotPrincipal"
	}
	if element == "Principal" && r.chance(1, 6) {
		add(element, `"*"`)
		return
	}
	byType := map[string][]string{}
	for range 1 + r.IntN(3) {
		n := oneOf(r, randomNames)
		byType[n[0]] = append(byType[n[0]], quote(n[1]))
	}
	var types []string
	for _, t := range []string{"AWS", "Service", "CanonicalUser", "Federated"} {
		if len(byType[t]) > 0 {
			types = append(types, quote(t)+":["+strings.Join(byType[t], ",")+"]")
		}
	}
	add(element, "{"+strings.Join(types, ",")+"}")
}

// values draws one to three values, of which one may stand without brackets.
func (r *Random) values(from []string) string {
	n := 1 + r.IntN(3)
	if n == 1 && r.chance(1, 2) {
		return quote(oneOf(r, from))
	}
	list := make([]string, n)
	for i := range list {
		list[i] = quote(oneOf(r, from))
	}
	return "[" + strings.Join(list, ",") + "]"
}

func (r *Random) condition(variables bool) string {
	var operators []string
	var names []string
	for range 1 + r.IntN(2) {
		f := oneOf(r, families)
		name := oneOf(r, f.operators)
		switch r.IntN(6) {
		case 0:
			name = "ForAllValues:" + name
		case 1:
			name = "ForAnyValue:" + name
		}
		if r.chance(1, 5) {
			name += "IfExists"
		}
		from := f.want
		if r.chance(1, 10) {
			name, from = "Null", []string{"true", "false", "TRUE"}
		}
		if slices.Contains(names, name) {
			continue
		}
		if !variables && (strings.Contains(name, "Arn") || strings.Contains(name, "Bool")) {
			from = slices.DeleteFunc(slices.Clone(from), func(text string) bool { return strings.HasPrefix(text, "${") })
		}
		names = append(names, name)
		operators = append(operators, quote(name)+":{"+r.keys(f.keys, from)+"}")
	}
	return "{" + strings.Join(operators, ",") + "}"
}

// keys draws one or two different keys with what they are compared with.
func (r *Random) keys(from, want []string) string {
	if r.chance(1, 8) {
		from = oneOf(r, families).keys
	}
	first := oneOf(r, from)
	text := quote(first) + ":" + r.want(want)
	if second := oneOf(r, from); !strings.EqualFold(first, second) && r.chance(1, 3) {
		text += "," + quote(second) + ":" + r.want(want)
	}
	return text
}

func (r *Random) want(from []string) string {
	if r.chance(1, 40) {
		return "[]"
	}
	return r.values(from)
}

// Set makes policies that apply together, in the types that State has.
func (r *Random) Set() *State {
	s := &State{Identity: r.list("identity", 3), RestrictPublicBuckets: r.chance(1, 4)}
	if r.chance(1, 3) {
		s.Boundary = r.policy("boundary")
	}
	if r.chance(1, 3) {
		s.HasSession = true
		s.Session = r.list("session", 2)
	}
	if r.chance(2, 3) {
		s.Resource = r.policy(oneOf(r, []string{"resource", "resource", "trust", "key"}))
		if r.chance(1, 6) {
			s.Resource.Bound = r.bindings()
		}
	}
	if r.chance(1, 3) {
		s.ServiceControl = [][]*Policy{r.list("scp", 2), r.list("scp", 2)}
	}
	if r.chance(1, 3) {
		s.ResourceControl = [][]*Policy{r.list("rcp", 2)}
	}
	if r.chance(1, 3) {
		s.ACLs = &ACLs{Bucket: r.acl(), NoObject: r.chance(1, 4), IgnorePublic: r.chance(1, 4)}
		if !s.ACLs.NoObject && r.chance(5, 6) {
			s.ACLs.Object = r.acl()
		}
	}
	return s
}

var randomGrantees = []string{"canonicalone", "canonicaltwo", "canonicaltwo", acl.AllUsers, acl.AuthenticatedUsers, acl.LogDelivery, acl.AnonymousID, acl.EC2ID}

func (r *Random) acl() *acl.List {
	l := &acl.List{Owner: oneOf(r, []string{"canonicalone", "canonicalone", "canonicaltwo", acl.AnonymousID, "canonicalthree"})}
	for range r.IntN(4) {
		p := oneOf(r, []acl.Permission{acl.Read, acl.Write, acl.ReadACP, acl.WriteACP, acl.FullControl, acl.FullControl})
		l.Grants = append(l.Grants, acl.Grant{Grantee: oneOf(r, randomGrantees), Permission: p})
	}
	return l
}

// full are the policies that an organization begins with.
var full = map[string]string{
	"scp": `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`,
	"rcp": `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}`,
}

func (r *Random) policy(kind string) *Policy {
	p := &Policy{Name: kind, Type: kind, At: "random"}
	if full[kind] != "" && r.chance(2, 3) {
		p.Document = full[kind]
	} else {
		p.Document = r.Document(kind)
	}
	return p
}

func (r *Random) list(kind string, most int) []*Policy {
	var list []*Policy
	n := r.IntN(most + 1)
	if n == 0 && r.chance(3, 4) {
		n = 1 // nothing is allowed without
	}
	for range n {
		list = append(list, r.policy(kind))
	}
	return list
}

// bindings binds the ARNs of the principals to their ids, or to others.
func (r *Random) bindings() map[string]string {
	bound := map[string]string{}
	for _, p := range r.Principals {
		if p.UniqueID != "" {
			bound[p.ARN] = oneOf(r, []string{p.UniqueID, p.UniqueID, "AIDASOMEBODYELSEAAAAA"})
		}
	}
	return bound
}

// Case makes a request that a set decides, without saying how.
func (r *Random) Case(set *State) *Case {
	c := &Case{State: *set, At: "random", Action: oneOf(r, randomActions), Resource: oneOf(r, randomResources)}
	c.Principal = oneOf(r, r.Principals)
	c.Owner = oneOf(r, []string{DefaultOwner, DefaultOwner, "222222222222", ""})
	if r.chance(1, 10) {
		c.Action, c.Resource = oneOf(r, randomWideActions), "*"
	}
	for _, f := range families {
		for _, key := range f.keys {
			if key != "absent" && key != "AWS:TagKeys" && key != "S3:Prefix" && r.chance(1, 3) {
				c.Keys = append(c.Keys, r.key(f, key))
			}
		}
	}
	return c
}

func (r *Random) key(f family, name string) Key {
	k := Key{Name: name, Type: oneOf(r, f.types), Values: []string{oneOf(r, f.have)}}
	v := &k.Values[0]
	switch k.Type {
	case "list":
		k.Values = k.Values[:0]
		for range r.IntN(4) {
			k.Values = append(k.Values, oneOf(r, f.have))
		}
	case "int":
		if _, err := strconv.ParseInt(*v, 10, 64); err != nil {
			*v = "10"
		}
	case "bool":
		*v = strconv.FormatBool(*v == "true")
	case "time":
		if !strings.HasPrefix(*v, "20") || len(*v) < 20 {
			*v = "2026-01-01T00:00:00Z"
		}
	case "":
		if r.chance(1, 12) {
			*v = oneOf(r, []string{"", "junk", "1", "true", "2026-01-01T00:00:00.5Z", "2026-01-01", "1767225600", "9007199254740992.0", "1e400", "0x10", "1_0", " 10", "TRUE", "10.0.0.1/8", "fe80::1%eth0"})
		}
	}
	return k
}

// quote writes a text as JSON. The texts above hold nothing that needs escaping.
func quote(text string) string { return `"` + text + `"` }
