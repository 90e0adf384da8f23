// Package findings knows how what policy/lint finds in files is shown: as text
// for people, as JSON for programs, and as SARIF for code hosts and editors; and
// how a file is mended by the fixes that are safe.
//
// It finds nothing itself, and touches no file: it is handed their bytes.
package findings

import (
	"strings"

	"github.com/keywright/keywright/policy"
	"github.com/keywright/keywright/policy/lint"
)

// File is a document that was checked.
type File struct {
	Name     string // as it was given
	Type     lint.Kind
	Guess    string // why Type was chosen, when nobody said it
	Options  lint.Options
	Source   []byte
	Findings []Finding
	Mended   []Finding // what Mend has taken away
}

// Finding is a finding with the part of the document that it is about, and with
// what its code's documentation says.
type Finding struct {
	lint.Finding
	End  policy.Position // of the character after the last one
	Path []policy.Step   // from the root of the document; empty when it cannot be parsed

	// IsName is whether the part is the name of the member that Path ends in.
	IsName bool

	Others []policy.Location // the other parts of the document that it is about

	Title     string // of the code
	Why       string // it matters
	Advice    string // what to do, in words
	LearnMore string // address of a page
}

// Check checks a document that is put as a policy of a type.
func Check(name string, source []byte, kind lint.Kind, opts lint.Options) File {
	f := File{Name: name, Type: kind, Options: opts, Source: source}
	doc, found := lint.Validate(source, kind, opts)
	var places *policy.Locator
	if doc != nil {
		places = doc.Locator()
	}
	for _, of := range found {
		f.Findings = append(f.Findings, explain(locate(places, of)))
	}
	return f
}

// explain adds what the documentation of a finding's code says.
func explain(f Finding) Finding {
	if e, ok := lint.LookupCode(f.Code); ok {
		f.Title, f.Why, f.Advice, f.LearnMore = e.Title, e.Why, e.Fix, LearnMore(e)
	}
	if f.Finding.Advice != "" {
		f.Advice = f.Finding.Advice
	}
	return f
}

// locate adds where the part ends at whose beginning a finding stands. What
// cannot be found is one character long, as all of a document is that cannot be
// parsed and has no places.
func locate(places *policy.Locator, of lint.Finding) Finding {
	f := Finding{Finding: of}
	if !f.Position.IsValid() {
		f.Position = policy.Position{Line: 1, Column: 1}
	}
	f.End = f.Position
	f.End.Column++
	f.End.Offset++
	if places == nil {
		return f
	}
	if l, ok := places.Locate(f.Position.Offset); ok {
		f.End, f.Path, f.IsName = l.End, l.Path, l.IsName
	}
	for _, at := range of.Also {
		if l, ok := places.Locate(at.Offset); ok {
			f.Others = append(f.Others, l)
		}
	}
	return f
}

// LearnMore returns the address of a code's documentation.
func LearnMore(e *lint.Entry) string {
	if e.IssueCode != "" {
		return "https://docs.aws.amazon.com/IAM/latest/UserGuide/access-analyzer-reference-policy-checks.html#access-analyzer-reference-policy-checks-" + e.Slug()
	}
	return "https://github.com/keywright/keywright/blob/main/docs/findings.md#" + strings.ToLower(string(e.Code))
}

// Types are the types of policies, in the order in which a help text lists them.
var Types = []lint.Kind{
	lint.Identity, lint.Bucket, lint.Trust, lint.ServiceControl, lint.ResourceControl, lint.PermissionsBoundary, lint.Session,
}

// Guess returns the type of policy that a document looks like, and why. One that
// cannot be read looks like nothing, and is taken for an identity-based policy.
func Guess(source []byte) (lint.Kind, string) {
	doc, err := policy.Parse(source)
	if err != nil {
		return lint.Identity, ""
	}
	for i := range doc.Statements {
		s := &doc.Statements[i]
		switch {
		case s.Principal == nil && s.NotPrincipal == nil:
		case s.Resource == nil && s.NotResource == nil:
			return lint.Trust, "it has a Principal and no Resource"
		default:
			return lint.Bucket, "it has a Principal and a Resource"
		}
	}
	return lint.Identity, "it has no Principal"
}

// IsCut reports whether the file has more findings than are told, among which any
// may be.
func (f *File) IsCut() bool { return len(f.Findings) >= lint.MaxFindings }

// Count returns how many findings of the files are at least as bad as a
// severity.
func Count(files []File, least lint.Severity) int {
	n := 0
	for i := range files {
		for j := range files[i].Findings {
			if files[i].Findings[j].Severity <= least {
				n++
			}
		}
	}
	return n
}
