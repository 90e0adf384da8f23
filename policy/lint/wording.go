package lint

import (
	"slices"
	"strings"

	"github.com/keywright/keywright/arn"
	"github.com/keywright/keywright/facts"
	"github.com/keywright/keywright/policy"
)

// The codes for what a policy says that it does not mean.
const (
	Placeholder       policy.Code = "PLACEHOLDER"
	SidContradicts    policy.Code = "SID_CONTRADICTS_STATEMENT"
	VariableSent      policy.Code = "VARIABLE_CHOSEN_BY_CALLER"
	VariableOfSession policy.Code = "VARIABLE_CHOSEN_BY_SESSION"
)

// wording looks for texts that were left in, and for texts that mislead.
func (v *validator) wording() {
	for i := range v.doc.Statements {
		s := &v.doc.Statements[i]
		v.statement = i
		v.placeholders(s)
		if s.Effect == policy.Allow {
			v.chosenVariables(s)
		}
		v.contradictions(s)
	}
	v.statement = -1
}

// placeholders reports what somebody should have replaced.
func (v *validator) placeholders(s *policy.Statement) {
	look := func(value policy.Value, advice string) {
		if isPlaceholder(value.Text) {
			v.report(Placeholder, value.Position, value.Text, "%q looks like something to be replaced", value.Text).Advice = advice
		}
	}
	for _, element := range []*policy.Values{s.Resource, s.NotResource, s.Action, s.NotAction} {
		if element != nil {
			for _, value := range element.List {
				look(value, "")
			}
		}
	}
	for _, p := range []*policy.Principals{s.Principal, s.NotPrincipal} {
		if p != nil {
			for _, of := range p.List {
				look(of.Value, "Put in who is meant, such as arn:aws:iam::111122223333:role/name.")
			}
		}
	}
	for i := range s.Condition {
		for j := range s.Condition[i].Keys {
			key := &s.Condition[i].Keys[j]
			for _, value := range key.Values.List {
				look(value, "Put in the value that "+key.Name.Text+" is to have.")
			}
		}
	}
}

// marks are the words of texts that are to be replaced, in lower case, and
// shouted what stands in them in capitals.
var (
	marks = []string{
		"replace-me", "replace_me", "replaceme", "replace-with", "replace_with", "replace-this", "replace_this", "change-me", "change_me", "changeme",
		"doc-example-bucket", "amzn-s3-demo", "xxxxxx",
	}
	shouted = []string{
		"BUCKET-NAME", "BUCKET_NAME", "BUCKETNAME", "BUCKET-ARN", "BUCKET_ARN", "BUCKET ARN", "BUCKET NAME", "ACCOUNT-ID", "ACCOUNT_ID", "ACCOUNTID",
		"ACCOUNT ID", "USER-NAME", "USER_NAME", "USERNAME", "ROLE-NAME", "ROLE_NAME", "FOLDER-NAME", "FOLDER_NAME", "EXTERNAL-ID", "EXTERNAL_ID",
		"EXTERNALID", "EXAMPLE-", "-EXAMPLE", "EXAMPLE_", "_EXAMPLE", "SOURCE-BUCKET", "SOURCE_BUCKET", "DESTINATION-BUCKET", "DESTINATION_BUCKET",
		"INSERT-", "INSERT_", "REPLACE-", "REPLACE_",
	}
)

// isPlaceholder reports whether a text looks like one that is to be replaced.
func isPlaceholder(text string) bool {
	literal := literalText(text)
	lower := strings.ToLower(literal)
	if i := strings.IndexByte(literal, '<'); i >= 0 && strings.IndexByte(literal[i:], '>') > 1 {
		return true
	}
	return strings.Contains(literal, "{{") || hasWord(lower, "your", "-_ ") ||
		slices.ContainsFunc(marks, func(m string) bool { return hasWord(lower, m, "") }) ||
		slices.ContainsFunc(shouted, func(m string) bool { return strings.Contains(literal, m) })
}

// hasWord reports whether a text has a word between others, followed by one of
// some characters, or by whatever is no letter when there are none.
func hasWord(text, word, before string) bool {
	for at := 0; ; {
		i := strings.Index(text[at:], word)
		if i < 0 {
			return false
		}
		start, end := at+i, at+i+len(word)
		follows := before == "" && (end == len(text) || !isLetter(text[end])) || end < len(text) && strings.IndexByte(before, text[end]) >= 0
		if (start == 0 || !isLetter(text[start-1])) && follows {
			return true
		}
		at = end
	}
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

// contradictions reports a Sid that says something else than its statement.
func (v *validator) contradictions(s *policy.Statement) {
	words := wordsOf(s.Sid.Text)
	if len(words) == 0 {
		return
	}
	opposite := map[policy.Effect]string{policy.Allow: "deny", policy.Deny: "allow"}[s.Effect]
	if words[0] == opposite && !slices.Contains(words, "only") && !slices.Contains(words, "unless") && !slices.Contains(words, "except") {
		v.report(SidContradicts, s.Sid.Position, s.Sid.Text, "the Sid says %s, and the statement's effect is %s", words[0], s.Effect)
		return
	}
	if s.Effect != policy.Allow || s.Action == nil || len(s.Action.List) == 0 {
		return
	}
	said := map[string]bool{}
	for _, w := range words {
		if verb := verbs[w]; verb != "" && !isUploadNamed(w, s.Action) {
			said[verb] = true
		}
	}
	done := map[string]bool{}
	for _, value := range s.Action.List {
		if !v.doneBy(value.Text, done) {
			return
		}
	}
	for verb := range said {
		if done[verb] {
			return
		}
	}
	if len(said) > 0 {
		f := v.report(SidContradicts, s.Sid.Position, s.Sid.Text, "the Sid %s says something else than the actions: %s", s.Sid.Text, enumerate(textsOf(s.Action), 3))
		if name := sidFor(done); name != "" {
			f.Advice = "Call it after what it does, such as " + name + "."
		}
	}
}

// isUploadNamed reports whether a word is upload, and is the thing that an action
// is about: whoever lists multipart uploads uploads nothing.
func isUploadNamed(word string, actions *policy.Values) bool {
	return strings.HasPrefix(word, "upload") && slices.ContainsFunc(actions.List, func(v policy.Value) bool {
		return strings.Contains(strings.ToLower(v.Text), "multipartupload")
	})
}

// verbs are the words of a Sid that say what is done.
var verbs = map[string]string{
	"get": "read", "gets": "read", "read": "read", "reads": "read", "reading": "read", "readonly": "read", "download": "read", "downloads": "read",
	"list": "list", "lists": "list", "listing": "list",
	"put": "write", "puts": "write", "write": "write", "writes": "write", "writing": "write", "upload": "write", "uploads": "write",
	"delete": "delete", "deletes": "delete", "remove": "delete",
}

// doneBy adds what an action does. The result is false when that is not known,
// or is everything.
func (v *validator) doneBy(action string, done map[string]bool) bool {
	if strings.ContainsAny(action, "*?") {
		return false
	}
	a, ok := facts.LookupAction(action)
	if !ok || !strings.HasPrefix(a.Name, "s3:") {
		return false
	}
	for _, level := range a.Levels {
		switch level {
		case "Read":
			done["read"] = true
		case "List":
			done["list"], done["read"] = true, true
		default:
			done["write"] = true
		}
	}
	if _, name, _ := strings.Cut(a.Name, ":"); strings.HasPrefix(name, "Delete") || strings.HasPrefix(name, "Abort") {
		done["delete"] = true
	}
	if strings.HasPrefix(a.Name, "s3:GetBucket") || strings.HasSuffix(a.Name, "Parts") {
		done["list"] = true // what a person calls looking at a bucket
	}
	return true
}

func sidFor(done map[string]bool) string {
	switch {
	case done["write"] && done["read"]:
		return "ReadAndWriteObjects"
	case done["write"]:
		return "PutObjects"
	case done["list"]:
		return "ListBucket"
	case done["read"]:
		return "GetObjects"
	}
	return ""
}

// wordsOf takes a text in camel case apart, in lower case.
func wordsOf(text string) []string {
	var b strings.Builder
	for i := range len(text) {
		c := text[i]
		if isUpper(c) && i > 0 && (isLower(text[i-1]) || isUpper(text[i-1]) && i+1 < len(text) && isLower(text[i+1])) {
			b.WriteByte(' ')
		}
		if !isLetter(c) {
			c = ' '
		}
		b.WriteByte(c)
	}
	return strings.Fields(strings.ToLower(b.String()))
}

func isUpper(c byte) bool { return c >= 'A' && c <= 'Z' }
func isLower(c byte) bool { return c >= 'a' && c <= 'z' }

// sentKeys are the condition keys whose values a caller puts into his request,
// and sessionKeys those that whoever begins a session can choose. A name that
// ends in "/" or ":" stands for every key with that prefix.
var (
	sentKeys = []string{
		"aws:referer", "aws:UserAgent", "aws:RequestTag/", "s3:prefix", "s3:delimiter", "s3:max-keys", "s3:VersionId", "s3:RequestObjectTag/",
		"s3:x-amz-", "sts:ExternalId", "sts:RoleSessionName", "sts:SourceIdentity",
	}
	sessionKeys = []string{"aws:userid", "aws:SourceIdentity", "aws:PrincipalTag/", "saml:", "cognito-identity.amazonaws.com:", "accounts.google.com:", "graph.facebook.com:", "www.amazon.com:"}
)

// chosenVariables reports variables in patterns whose values are in the hands of
// somebody whom the pattern is to hold.
func (v *validator) chosenVariables(s *policy.Statement) {
	if !v.doc.HasVariables() {
		return
	}
	var values []policy.Value
	if s.Resource != nil {
		values = append(values, s.Resource.List...)
	}
	for _, k := range conditionsOn(s, func(name string) bool { return strings.EqualFold(name, "s3:prefix") }) {
		values = append(values, k.Values.List...)
	}
	for _, value := range values {
		w, err := arn.CompileWildcard(value.Text, arn.Wildcards|arn.Variables)
		if err != nil {
			continue
		}
		for _, name := range w.Variables() {
			switch {
			case isOneOf(name, sentKeys):
				v.report(VariableSent, value.Position, value.Text, "the caller himself says what ${%s} is in his request", name)
			case isOneOf(name, sessionKeys):
				v.report(VariableOfSession, value.Position, value.Text, "whoever begins a session may be able to choose ${%s}", name)
			}
		}
	}
}

// isOneOf reports whether a key is in a list of keys and prefixes of keys.
func isOneOf(name string, keys []string) bool {
	return slices.ContainsFunc(keys, func(key string) bool {
		if last := key[len(key)-1]; last == '/' || last == ':' || last == '-' {
			return len(name) > len(key) && strings.EqualFold(name[:len(key)], key)
		}
		return strings.EqualFold(name, key)
	})
}
