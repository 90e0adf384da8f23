package findings

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf16"

	"github.com/keywright/keywright/policy"
	"github.com/keywright/keywright/policy/lint"
)

// The document that JSON writes. Its names are stable: what is added later
// comes beside them.
type jsonReport struct {
	Files    []jsonFile    `json:"files"`
	Findings []jsonFinding `json:"findings"`
	Fixed    []jsonFinding `json:"fixed,omitempty"` // by --fix, as they were found
}

type jsonFile struct {
	File      string `json:"file"`
	Type      string `json:"type"`
	TypeGuess string `json:"typeGuess,omitempty"` // why, when nobody said the type
	Findings  int    `json:"findings"`
	Cut       bool   `json:"cut,omitempty"` // whether there may be more findings than are told
}

type jsonFinding struct {
	File      string `json:"file"`
	Code      string `json:"code"`
	Severity  string `json:"severity"`
	Line      int    `json:"line"`
	Column    int    `json:"column"`
	EndLine   int    `json:"endLine"`
	EndColumn int    `json:"endColumn"`
	Path      []any  `json:"path"`
	Message   string `json:"message"`
	Refused   bool   `json:"refused"`
	Why       string `json:"why"`
	Fix       string `json:"fix"`
	Fixable   bool   `json:"fixable"`
	LearnMore string `json:"learnMore"`
}

// JSON writes the findings of files as one document. Lines and columns begin
// at 1, columns count characters, and the end is the column behind the last
// one. The path leads from the document to the part that is meant: names of
// members, and indexes of items from 0. A finding is refused when the API refuses
// to put a policy that has it.
func JSON(w io.Writer, files []File) error {
	report := jsonReport{Files: []jsonFile{}, Findings: []jsonFinding{}}
	for i := range files {
		f := &files[i]
		report.Files = append(report.Files, jsonFile{f.Name, lint.KindName(f.Type), f.Guess, len(f.Findings), f.IsCut()})
		for j := range f.Findings {
			report.Findings = append(report.Findings, jsonOf(f, &f.Findings[j]))
		}
		for j := range f.Mended {
			report.Fixed = append(report.Fixed, jsonOf(f, &f.Mended[j]))
		}
	}
	return Encode(w, report)
}

func jsonOf(f *File, of *Finding) jsonFinding {
	return jsonFinding{
		File: f.Name, Code: string(of.Code), Severity: of.Severity.String(),
		Line: of.Position.Line, Column: of.Position.Column, EndLine: of.End.Line, EndColumn: of.End.Column,
		Path: jsonPath(of.Path), Message: of.Message, Refused: of.Refused, Why: of.Why, Fix: of.Advice,
		Fixable: of.Fix != nil, LearnMore: of.LearnMore,
	}
}

// Encode writes a document as JSON for programs, in which nothing does anything to
// the terminal of somebody who looks at it: encoding/json leaves the controls
// behind ASCII as they are, and what turns the direction of text.
func Encode(w io.Writer, document any) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(document); err != nil {
		return err
	}
	text := b.String()
	if strings.ContainsFunc(text, isUnprintable) {
		b.Reset()
		for _, r := range text {
			if !isUnprintable(r) {
				b.WriteRune(r)
				continue
			}
			for _, unit := range utf16.Encode([]rune{r}) {
				fmt.Fprintf(&b, "\\u%04x", unit)
			}
		}
		text = b.String()
	}
	_, err := io.WriteString(w, text)
	return err
}

func isUnprintable(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }

func jsonPath(steps []policy.Step) []any {
	path := make([]any, len(steps))
	for i, s := range steps {
		if s.IsIndex {
			path[i] = s.Index
		} else {
			path[i] = s.Name
		}
	}
	return path
}
