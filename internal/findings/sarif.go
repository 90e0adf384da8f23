package findings

import (
	"fmt"
	"io"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/keywright/keywright/policy"
	"github.com/keywright/keywright/policy/lint"
)

// The parts of "Static Analysis Results Interchange Format (SARIF) Version
// 2.1.0" (OASIS) that are written.
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool       sarifTool       `json:"tool"`
		ColumnKind string          `json:"columnKind"`
		Artifacts  []sarifArtifact `json:"artifacts"`
		Results    []sarifResult   `json:"results"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name    string      `json:"name"`
		Version string      `json:"version"`
		Rules   []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID            string         `json:"id"`
		Short         sarifMessage   `json:"shortDescription"`
		Full          sarifMessage   `json:"fullDescription,omitzero"`
		Help          sarifMessage   `json:"help,omitzero"`
		HelpURI       string         `json:"helpUri,omitempty"`
		Configuration sarifLevel     `json:"defaultConfiguration"`
		Properties    map[string]any `json:"properties,omitempty"`
	}
	sarifLevel struct {
		Level string `json:"level"`
	}
	sarifMessage struct {
		Text     string `json:"text"`
		Markdown string `json:"markdown,omitempty"`
	}
	sarifArtifact struct {
		Location   sarifArtifactLocation `json:"location"`
		Length     int                   `json:"length"`
		Language   string                `json:"sourceLanguage"`
		Properties map[string]any        `json:"properties"`
	}
	sarifArtifactLocation struct {
		URI   string `json:"uri"`
		Index int    `json:"index"`
	}
	sarifResult struct {
		RuleID    string          `json:"ruleId"`
		RuleIndex int             `json:"ruleIndex"`
		Level     string          `json:"level"`
		Message   sarifMessage    `json:"message"`
		Locations []sarifLocation `json:"locations"`
		Related   []sarifLocation `json:"relatedLocations,omitempty"`
		Fixes     []sarifFix      `json:"fixes,omitempty"`
	}
	sarifLocation struct {
		Physical sarifPhysical  `json:"physicalLocation"`
		Logical  []sarifLogical `json:"logicalLocations,omitempty"`
	}
	sarifPhysical struct {
		Artifact sarifArtifactLocation `json:"artifactLocation"`
		Region   sarifRegion           `json:"region"`
	}
	sarifLogical struct {
		FullyQualifiedName string `json:"fullyQualifiedName"`
	}
	sarifRegion struct {
		StartLine   int `json:"startLine"`
		StartColumn int `json:"startColumn"`
		EndLine     int `json:"endLine"`
		EndColumn   int `json:"endColumn"`
	}
	sarifFix struct {
		Description sarifMessage  `json:"description"`
		Changes     []sarifChange `json:"artifactChanges"`
	}
	sarifChange struct {
		Artifact     sarifArtifactLocation `json:"artifactLocation"`
		Replacements []sarifReplacement    `json:"replacements"`
	}
	sarifReplacement struct {
		Deleted  sarifRegion   `json:"deletedRegion"`
		Inserted *sarifContent `json:"insertedContent,omitempty"`
	}
	sarifContent struct {
		Text string `json:"text"`
	}
)

const sarifSchema = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

// SARIF writes the findings of files as a SARIF 2.1.0 log with one run of a
// version of Keywright. The names of files become relative references, which a
// reader resolves against the root of what was checked.
func SARIF(w io.Writer, files []File, version string) error {
	run := sarifRun{
		Tool:       sarifTool{sarifDriver{Name: "keywright", Version: version, Rules: []sarifRule{}}},
		ColumnKind: "unicodeCodePoints",
		Artifacts:  []sarifArtifact{},
		Results:    []sarifResult{},
	}
	rules := rulesOf(files)
	for _, code := range rules {
		run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, ruleOf(code))
	}
	for i := range files {
		f := &files[i]
		at := sarifArtifactLocation{uri(f.Name), i}
		run.Artifacts = append(run.Artifacts, sarifArtifact{at, len(f.Source), "json", map[string]any{"policyType": lint.KindName(f.Type)}})
		for j := range f.Findings {
			of := &f.Findings[j]
			result := sarifResult{
				RuleID: string(of.Code), RuleIndex: slices.Index(rules, of.Code), Level: level(of.Severity),
				Message:   sarifMessage{Text: of.Message},
				Locations: []sarifLocation{locationOf(at, policy.Location{Path: of.Path, Start: of.Position, End: of.End})},
			}
			for _, l := range of.Others {
				result.Related = append(result.Related, locationOf(at, l))
			}
			if of.Fix != nil {
				result.Fixes = []sarifFix{fixOf(f, of, at)}
			}
			run.Results = append(run.Results, result)
		}
	}
	return Encode(w, sarifLog{sarifSchema, "2.1.0", []sarifRun{run}})
}

func locationOf(at sarifArtifactLocation, l policy.Location) sarifLocation {
	place := sarifLocation{Physical: sarifPhysical{at, region(l.Start, l.End)}}
	if len(l.Path) > 0 {
		place.Logical = []sarifLogical{{pointer(l.Path)}}
	}
	return place
}

// rulesOf returns the codes that the files have, sorted.
func rulesOf(files []File) []policy.Code {
	var codes []policy.Code
	for i := range files {
		for j := range files[i].Findings {
			codes = append(codes, files[i].Findings[j].Code)
		}
	}
	slices.Sort(codes)
	return slices.Compact(codes)
}

// ruleOf describes a code as SARIF has it.
func ruleOf(code policy.Code) sarifRule {
	rule := sarifRule{ID: string(code), Short: sarifMessage{Text: string(code)}, Configuration: sarifLevel{"error"}}
	e, ok := lint.LookupCode(code)
	if !ok {
		return rule
	}
	rule.Short.Text = e.Title
	rule.Full = sarifMessage{Text: e.What}
	rule.Help = sarifMessage{Text: e.What + "\n\n" + e.Why + "\n\n" + e.Fix, Markdown: e.What + "\n\n**Why:** " + e.Why + "\n\n**What to do:** " + e.Fix}
	rule.HelpURI = LearnMore(e)
	rule.Configuration.Level = level(e.Severity)
	rule.Properties = map[string]any{"severity": e.Severity.String(), "tags": []string{"security", "policy"}}
	if e.Severity == lint.SecurityWarning {
		rule.Properties["security-severity"] = "7.0"
	}
	return rule
}

func level(s lint.Severity) string {
	switch s {
	case lint.Error:
		return "error"
	case lint.SecurityWarning, lint.Warning:
		return "warning"
	}
	return "note"
}

func region(start, end policy.Position) sarifRegion {
	return sarifRegion{start.Line, start.Column, end.Line, end.Column}
}

// pointer writes a path as a JSON Pointer (RFC 6901).
func pointer(path []policy.Step) string {
	var b strings.Builder
	escape := strings.NewReplacer("~", "~0", "/", "~1")
	for _, part := range jsonPath(path) {
		b.WriteByte('/')
		escape.WriteString(&b, fmt.Sprint(part))
	}
	return b.String()
}

// uri returns a file's name as a URI reference.
func uri(name string) string {
	if name == "-" {
		return "stdin"
	}
	path := filepath.ToSlash(name)
	if filepath.IsAbs(name) {
		return (&url.URL{Scheme: "file", Path: path}).String()
	}
	return (&url.URL{Path: strings.TrimPrefix(path, "./")}).String()
}

// fixOf says how the edits of a finding change its file.
func fixOf(f *File, of *Finding, at sarifArtifactLocation) sarifFix {
	fix := sarifFix{Description: sarifMessage{Text: of.Fix.Description}, Changes: []sarifChange{{Artifact: at}}}
	for _, e := range of.Fix.Edits {
		r := sarifReplacement{Deleted: region(positionAt(f.Source, e.Start), positionAt(f.Source, e.End))}
		if e.Text != "" {
			r.Inserted = &sarifContent{e.Text}
		}
		fix.Changes[0].Replacements = append(fix.Changes[0].Replacements, r)
	}
	return fix
}

func positionAt(source []byte, offset int) policy.Position {
	before := string(source[:offset])
	start := strings.LastIndexByte(before, '\n') + 1
	return policy.Position{
		Offset: offset, Line: 1 + strings.Count(before, "\n"), Column: 1 + utf8.RuneCountInString(before[start:]),
	}
}
