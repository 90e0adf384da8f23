package cli

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/keywright/keywright/arn"
	"github.com/keywright/keywright/facts"
	"github.com/keywright/keywright/internal/accessfile"
	"github.com/keywright/keywright/internal/spelling"
)

// advice returns what is odd about a request, or "": an action that AWS does
// not have, or a resource that the action is never asked for. Neither changes a
// decision, since AWS decides such requests too.
func advice(action, resource string) string {
	a, ok := facts.LookupAction(action)
	if !ok {
		return unknownAction(action)
	}
	if len(a.Resources) == 0 {
		if resource != "*" {
			return fmt.Sprintf("%s is asked for on the resource * only", a.Name)
		}
		return ""
	}
	service, _, _ := strings.Cut(a.Name, ":")
	var formats []string
	for _, r := range facts.Resources() {
		if r.Service != service || !a.HasResource(r.Type) {
			continue
		}
		if resourcePatterns()[r.ARN].MatchString(resource) {
			return ""
		}
		formats = append(formats, r.ARN)
	}
	if len(formats) == 0 {
		return ""
	}
	return fmt.Sprintf("%s is not asked for on %s, but on %s", a.Name, plain(resource), strings.Join(formats, " or "))
}

// unknownAction returns what is odd about an action that the facts do not have.
func unknownAction(action string) string {
	names := namesOf(action, facts.Actions(), func(a facts.Action) string { return a.Name })
	if len(names) == 0 {
		return ""
	}
	if needs := operationNeeds(action); needs != "" {
		return fmt.Sprintf("there is no action %s", plain(action)) + needs
	}
	return unknown("action", action, names)
}

// namesOf returns the names of the facts of the service that a name belongs to.
// They know some services in full, and nothing of the others.
func namesOf[T any](name string, all []T, nameOf func(T) string) []string {
	vendor, _, _ := strings.Cut(name, ":")
	var names []string
	for _, one := range all {
		if of, _, _ := strings.Cut(nameOf(one), ":"); arn.EqualFold(of, vendor) {
			names = append(names, nameOf(one))
		}
	}
	return names
}

// unknown says that something does not exist, and which of the names was meant.
func unknown(what, name string, names []string) string {
	message := fmt.Sprintf("there is no %s %s", what, plain(name))
	if near := spelling.Nearest(name, names); near != "" {
		message += fmt.Sprintf("; did you mean %s?", near)
	}
	return message
}

// operationNeeds says which actions an operation needs whose name was taken for
// an action's, or is "".
func operationNeeds(action string) string {
	for _, op := range facts.Operations() {
		if !arn.EqualFold(op.Service+":"+op.Name, action) {
			continue
		}
		var needs []string
		for _, c := range op.Checks {
			if c.Required && c.Action != "" && !slices.Contains(needs, c.Action) {
				needs = append(needs, c.Action)
			}
		}
		if len(needs) > 0 {
			return fmt.Sprintf("; the operation %s needs %s", op.Name, strings.Join(needs, " and "))
		}
	}
	return ""
}

var placeholder = regexp.MustCompile(`\\\$\\\{(\w+)\\\}`)

// resourcePatterns are the patterns of all formats of ARNs.
var resourcePatterns = sync.OnceValue(func() map[string]*regexp.Regexp {
	all := map[string]*regexp.Regexp{}
	for _, r := range facts.Resources() {
		all[r.ARN] = resourcePattern(r.ARN)
	}
	return all
})

// resourcePattern makes a pattern of a format of ARNs. Paths and the keys of
// objects may have slashes.
func resourcePattern(format string) *regexp.Regexp {
	pattern := placeholder.ReplaceAllStringFunc(regexp.QuoteMeta(format), func(s string) string {
		if strings.Contains(s, "Path") || strings.Contains(s, "ObjectName") {
			return ".+"
		}
		return "[^/]*"
	})
	return regexp.MustCompile("(?s)^" + pattern + "$")
}

// advised is which advice has been given on the cases of a run, so that each
// name that does not exist is told of once.
type advised map[string]bool

// advise returns what is odd about a case.
func (told advised) advise(c *accessfile.Case) []string {
	var all []string
	once := func(name string, odd func(string) string) {
		if !told[name] {
			told[name] = true
			if s := odd(name); s != "" {
				all = append(all, s)
			}
		}
	}
	if _, known := facts.LookupAction(c.Request.Action); !known {
		once(c.Request.Action, unknownAction)
	} else if odd := advice(c.Request.Action, c.Request.Resource); odd != "" {
		all = append(all, odd)
	}
	for _, key := range c.Request.Context.Keys() {
		once(key, unknownKey)
	}
	return all
}

// everyProviders are the claims that are condition keys whatever OpenID Connect
// provider they come from ("Available keys for AWS OIDC federation", IAM User
// Guide). The facts have other keys of some providers.
var everyProviders = []string{"amr", "aud", "email", "oaud", "sub"}

// unknownKey returns what is odd about a condition key, or "".
func unknownKey(key string) string {
	if _, ok := facts.LookupKey(key); ok {
		return ""
	}
	names := namesOf(key, facts.Keys(), func(k facts.Key) string { return k.Name })
	if len(names) == 0 {
		return ""
	}
	if provider, claim, _ := strings.Cut(key, ":"); strings.Contains(provider, ".") && slices.Contains(everyProviders, strings.ToLower(claim)) {
		return ""
	}
	return unknown("condition key", key, names)
}
