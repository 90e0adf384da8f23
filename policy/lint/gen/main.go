// Command gen writes the reference of all findings, docs/findings.md, from the
// table of package lint. It holds nothing that is not in the table.
package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"

	"github.com/keywright/keywright/policy/lint"
)

func main() {
	if _, err := os.Stdout.Write(reference()); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

const introduction = `# Findings

<!-- Written by "go generate ./policy/lint" from policy/lint/codes: change it there. -->

What Keywright finds wrong with a policy. The codes are those of IAM Access Analyzer's policy checks where it has one;
"our own" marks the others. An *error* is refused by AWS or cannot work, a *security warning* lets in more than it seems to,
a *warning* hides what is meant, a *suggestion* makes the policy easier to read. The severity is Access Analyzer's; whether the
API refuses to put such a policy is a question of its own, which each finding answers.

Every example is a test: the finding stands at the line and column that are given, and not in the second document.
`

// reference returns the whole document.
func reference() []byte {
	var b bytes.Buffer
	b.WriteString(introduction)
	family := ""
	for _, e := range lint.Codes() {
		if !e.Shown() {
			continue
		}
		if e.Family != family {
			family = e.Family
			fmt.Fprintf(&b, "\n## %s\n", family)
		}
		section(&b, e)
	}
	refusals(&b)
	omissions(&b)
	return b.Bytes()
}

func section(b *bytes.Buffer, e *lint.Entry) {
	of := "our own"
	if e.IssueCode != "" {
		of = "Access Analyzer"
	}
	fmt.Fprintf(b, "\n### %s\n\n**%s** · %s · %s · %s\n\n", e.Code, e.Title, severity(e.Severity), of, types(e))
	fmt.Fprintf(b, "%s %s\n\n*Do:* %s\n", e.What, e.Why, e.Fix)
	for i := range e.Examples {
		example(b, e, &e.Examples[i])
	}
}

func severity(s lint.Severity) string {
	return strings.ReplaceAll(strings.ToLower(s.String()), "_", " ")
}

func types(e *lint.Entry) string {
	var names []string
	for _, k := range e.Kinds {
		names = append(names, lint.KindName(k))
	}
	if len(names) == 7 {
		return "every type of policy"
	}
	return strings.Join(names, ", ")
}

func example(b *bytes.Buffer, e *lint.Entry, x *lint.Example) {
	_, findings := lint.Validate(x.Source(), x.Kind, x.Options)
	for i := range findings {
		f := &findings[i]
		if f.Code != e.Code || f.Position.String() != x.At {
			continue
		}
		refused := ""
		if f.Refused {
			refused = ", refused by the API"
		}
		fmt.Fprintf(b, "\nIn %s, at %s%s: %s\n", withArticle(x.Kind), x.At, refused, f.Message)
		break
	}
	block(b, x.Document)
	if x.Fill > 0 {
		fmt.Fprintf(b, "\nHere FILL stands for %d characters.\n", x.Fill)
	}
	switch {
	case x.Fixed != "":
		b.WriteString("\nFixed by `--fix`:\n")
		block(b, x.Fixed)
	case x.Without != "":
		b.WriteString("\nWithout it:\n")
		block(b, x.Without)
	}
}

func withArticle(kind lint.Kind) string {
	if kind == lint.Identity {
		return "an " + kind.String()
	}
	return "a " + kind.String()
}

func block(b *bytes.Buffer, document string) {
	fmt.Fprintf(b, "\n```json\n%s\n```\n", document)
}

func refusals(b *bytes.Buffer) {
	b.WriteString("\n## Why the API refuses\n\nThe server's log tells more finely than the codes above why a document was refused.\n\n| reason | what | found as |\n|---|---|---|\n")
	for _, e := range lint.Codes() {
		if e.Shown() {
			continue
		}
		var as []string
		for _, code := range e.ReportedAs {
			as = append(as, string(code))
		}
		fmt.Fprintf(b, "| %s | %s | %s |\n", e.Code, e.What, strings.Join(as, ", "))
	}
}

func omissions(b *bytes.Buffer) {
	b.WriteString("\n## Not looked for\n\nChecks of Access Analyzer that Keywright leaves out.\n\n| code | reason |\n|---|---|\n")
	for _, o := range lint.NotApplicable() {
		fmt.Fprintf(b, "| %s | %s |\n", o.IssueCode, o.Reason)
	}
}
