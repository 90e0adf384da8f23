package lint

import (
	"fmt"
	"slices"
	"strings"

	"github.com/keywright/keywright/arn"
	"github.com/keywright/keywright/facts"
	"github.com/keywright/keywright/policy"
)

// resources looks at how the ARNs of a statement's resources are written.
func (v *validator) resources(s *policy.Statement) {
	element := either(s.Resource, s.NotResource)
	if element == nil || v.kind == Trust {
		return
	}
	for _, r := range element.List {
		if r.Text != "" && strings.Trim(r.Text, "*") == "" {
			continue
		}
		v.resource(s, r)
	}
	v.redundantResources(s, element)
}

// resource looks at one ARN, field by field, and reports the first fault alone:
// those behind it often follow from it.
func (v *validator) resource(s *policy.Statement, r policy.Value) {
	fields, complete := v.splitARN(r.Text)
	switch {
	case fields[0] != "arn":
		v.report(invalidARNPrefix, r.Position, r.Text, "%q does not begin with arn: a resource is an ARN, such as arn:aws:s3:::bucket/*, or \"*\"", r.Text)
		return
	case !complete:
		v.report(missingARNField, r.Position, r.Text, "%q has %d of the six fields of an ARN, arn:partition:service:region:account:resource: a field may be empty, but keeps its colon", r.Text, len(fields))
		return
	}
	partition, service := fields[1], fields[2]
	switch {
	case !slices.Contains(partitions, partition) && !hasPattern(partition):
		v.report(InvalidPartition, r.Position, r.Text, "there is no partition %q: write one of %s", partition, strings.Join(partitions, ", "))
	case hasPattern(service):
		v.report(wildcardInServiceName, r.Position, r.Text, "the service of %q is a pattern, which takes in every service whose name fits, now and later: write the service out", r.Text)
	case service != strings.ToLower(service):
		f := v.report(invalidARNServiceCase, r.Position, r.Text, "services are written in small letters: %q is none, write %q", service, strings.ToLower(service))
		if v.fixable() && s.Effect == policy.Deny && s.Resource != nil {
			f.fix("write the service in small letters, so that the Deny applies",
				v.edits.ReplaceText(r.Position, strings.Replace(r.Text, ":"+service+":", ":"+strings.ToLower(service)+":", 1)))
		}
	default:
		v.resourceFields(r, service, fields[3], fields[4], fields[5])
	}
}

// splitARN cuts an ARN into its fields, of which the last keeps its colons.
func (v *validator) splitARN(text string) (fields []string, complete bool) {
	inside := false
	start := 0
	for i := 0; i < len(text) && len(fields) < 5; i++ {
		switch {
		case v.doc.HasVariables() && strings.HasPrefix(text[i:], "${"):
			inside = true
		case inside && text[i] == '}':
			inside = false
		case !inside && text[i] == ':':
			fields = append(fields, text[start:i])
			start = i + 1
		}
	}
	return append(fields, text[start:]), len(fields) == 5
}

// hasPattern reports whether a field is not to be taken literally.
func hasPattern(s string) bool { return strings.ContainsAny(s, "*?") || strings.Contains(s, "${") }

// format is how the ARNs of one kind of resource are written.
type format struct {
	region, account bool // whether they have one
	optionalRegion  bool
	resource        string // what the resource begins with, such as "role/", or is
}

// formats returns the ways in which the ARNs of a service are written. There are
// none for a service that package facts does not know.
func (v *validator) formats(service string) []format {
	if all, ok := v.formatsOf[service]; ok {
		return all
	}
	var all []format
	resources := facts.Resources()
	for i := range resources {
		fields := strings.SplitN(resources[i].ARN, ":", 6)
		if len(fields) != 6 || fields[2] != service {
			continue
		}
		prefix, _, pattern := strings.Cut(fields[5], "${")
		f := format{region: fields[3] != "", account: fields[4] != "", resource: prefix}
		if !pattern {
			f.resource = fields[5]
		}
		f.optionalRegion = strings.HasPrefix(prefix, "accesspoint/") // of several Regions
		all = append(all, f)
	}
	if service == "sts" {
		all = append(all, format{account: true, resource: "assumed-role/"})
	}
	v.formatsOf[service] = all
	return all
}

// resourceFields looks at the fields behind the service.
func (v *validator) resourceFields(r policy.Value, service, region, account, resource string) {
	all := v.formats(service)
	if len(all) == 0 {
		v.accountField(r, account)
		return
	}
	var fits []format
	for _, f := range all {
		if fitsFormat(resource, f.resource) {
			fits = append(fits, f)
		}
	}
	if service == "s3" {
		fits = s3Formats(fits, region != "" || account != "")
	}
	if len(fits) == 0 && !(service == "iam" && isIAMPath(resource)) {
		v.report(invalidARNResource, r.Position, r.Text, "%q names no resource of %s: none of its types is written so", r.Text, service)
		return
	}
	if why := badBucket(resource); service == "s3" && fits[0].resource == "" && why != "" {
		v.report(invalidARNResource, r.Position, r.Text, "%q names no bucket: %s", r.Text, why)
		return
	}
	any := func(ok func(format) bool) bool { return len(fits) == 0 || slices.ContainsFunc(fits, ok) }
	switch {
	case region != "" && !any(func(f format) bool { return f.region || f.optionalRegion }):
		v.report(arnRegionNotAllowed, r.Position, r.Text, "the ARN of this resource of %s has no Region: leave %q out, and keep the colons", service, region)
	case region == "" && !any(func(f format) bool { return !f.region || f.optionalRegion }):
		v.report(missingARNRegion, r.Position, r.Text, "%q has no Region: write the one that the resource is in, or * for all", r.Text)
	case region != "" && !hasPattern(region) && !isRegion(region):
		v.report(invalidARNRegion, r.Position, r.Text, "%q is no Region: write one such as us-east-1", region)
	case strings.Trim(account, "*") != "" && !any(func(f format) bool { return f.account }):
		v.report(arnAccountNotAllowed, r.Position, r.Text, "the ARN of this resource of %s has no account: leave %q out, and keep the colons", service, account)
	case account == "" && !any(func(f format) bool { return !f.account }):
		v.report(missingARNAccount, r.Position, r.Text, "%q has no account: write the id of the account that has the resource", r.Text)
	default:
		v.accountField(r, account)
	}
}

// s3Formats chooses between buckets, whose ARNs have neither Region nor
// account, and S3's other resources, which have.
func s3Formats(fits []format, located bool) []format {
	var buckets, others []format
	for _, f := range fits {
		if f.resource == "" {
			buckets = append(buckets, f)
		} else {
			others = append(others, f)
		}
	}
	if located && len(others) > 0 {
		return others
	}
	return buckets
}

func (v *validator) accountField(r policy.Value, account string) {
	if account != "" && account != "aws" && account != "cloudfront" && !hasPattern(account) && !arn.IsAccountID(account) {
		v.report(invalidARNAccount, r.Position, r.Text, "%q is no account: an account id has 12 digits, or up to 20 with providers other than AWS", account)
	}
}

// fitsFormat reports whether a resource can be one that begins with prefix: its
// characters up to the first wildcard must agree with the prefix.
func fitsFormat(resource, prefix string) bool {
	i := strings.IndexAny(resource, "*?$")
	if i < 0 || i >= len(prefix) {
		return strings.HasPrefix(resource, prefix)
	}
	return strings.HasPrefix(prefix, resource[:i])
}

// badBucket returns why the resource of an ARN begins with no bucket's name.
func badBucket(resource string) string {
	bucket, _, _ := strings.Cut(resource, "/")
	if i := strings.Index(bucket, "${"); i >= 0 {
		bucket = bucket[:i]
	} else if bucket == "" {
		return "its name is missing"
	}
	for _, r := range bucket {
		if !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_*?", r) {
			return fmt.Sprintf("none can have %q in its name", r)
		}
	}
	return ""
}

// isRegion reports whether s has the form of a Region's name.
func isRegion(s string) bool {
	parts := strings.Split(s, "-")
	if len(parts) < 3 {
		return false
	}
	for i, p := range parts {
		letters, digits := strings.Trim(p, "abcdefghijklmnopqrstuvwxyz") == "", strings.Trim(p, "0123456789") == ""
		if p == "" || i < len(parts)-1 && !letters || i == len(parts)-1 && !digits {
			return false
		}
	}
	return true
}

// redundantResources looks for resources that others of the statement take in.
// A variable among those that an Allow excepts is never needless: where it has no
// value, the statement allows nothing.
func (v *validator) redundantResources(s *policy.Statement, element *policy.Values) {
	patterns := make([]*arn.Pattern, len(element.List))
	guards := s.Effect == policy.Allow && element == s.NotResource && v.syntax() != 0
	v.redundant(element, redundantResource, texts(element.List, false), func(i int, other string) bool {
		if guards && strings.Contains(other, "${") {
			return false
		}
		if patterns[i] == nil {
			p, err := arn.CompilePattern(element.List[i].Text, v.syntax())
			if err != nil || p.HasVariables() {
				return false
			}
			patterns[i] = p
		}
		return patterns[i].Match(other, nil)
	})
}

func hasStar(s string) bool { return strings.ContainsAny(s, "*?") }

// confuses reports whether a pattern may match the text of another without
// taking in all that the other matches: its ? matches one character, and so does
// not take in a * or a variable.
func confuses(pattern, other string) bool {
	return strings.Contains(pattern, "?") && (strings.Contains(other, "*") || strings.Contains(other, "${"))
}
