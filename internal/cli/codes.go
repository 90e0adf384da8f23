package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/keywright/keywright/internal/findings"
	"github.com/keywright/keywright/policy"
	"github.com/keywright/keywright/policy/lint"
)

// explainCode prints what is known about a code.
func (k *checking) explainCode(w io.Writer) error {
	name := strings.ToUpper(strings.ReplaceAll(k.explain, "-", "_"))
	e, ok := lint.LookupCode(policy.Code(name))
	if !ok {
		return usage("keywright check --list prints all codes", "there is no code %q", k.explain)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n%s, in %s policies\n\n%s\n", e.Code, e.Title, e.Severity, strings.Join(kindNames(e.Kinds), ", "), e.What)
	for _, of := range []struct{ name, text string }{{"Why it matters", e.Why}, {"What to do", e.Fix}} {
		if of.text != "" {
			fmt.Fprintf(&b, "\n%s: %s\n", of.name, of.text)
		}
	}
	if len(e.ReportedAs) > 0 {
		fmt.Fprintf(&b, "\nThe server refuses such a policy; check reports it as %s.\n", strings.Join(codeTexts(e.ReportedAs), " or "))
	}
	for i := range e.Examples {
		x := &e.Examples[i]
		fmt.Fprintf(&b, "\nFound in this %s policy, at %s:\n\n%s", lint.KindName(x.Kind), x.At, indent(x.Document))
		switch {
		case x.Fixed != "":
			fmt.Fprintf(&b, "\nWhat --fix makes of it:\n\n%s", indent(x.Fixed))
		case x.Without != "":
			fmt.Fprintf(&b, "\nWithout the fault:\n\n%s", indent(x.Without))
		}
	}
	fmt.Fprintf(&b, "\n%s\n", findings.LearnMore(e))
	_, err := io.WriteString(w, b.String())
	return printed(err)
}

func kindNames(kinds []lint.Kind) []string {
	var names []string
	for _, kind := range findings.Types {
		if slices.Contains(kinds, kind) {
			names = append(names, lint.KindName(kind))
		}
	}
	return names
}

func codeTexts(codes []policy.Code) []string {
	var texts []string
	for _, c := range codes {
		texts = append(texts, string(c))
	}
	return texts
}

func indent(document string) string {
	var b strings.Builder
	for line := range strings.Lines(strings.Trim(document, "\n") + "\n") {
		b.WriteString("    " + line)
	}
	return b.String()
}

// listCodes prints the codes that check reports, one a line.
func (k *checking) listCodes(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, e := range lint.Codes() {
		if len(e.ReportedAs) == 1 {
			continue // it is reported as another one
		}
		fmt.Fprintf(t, "%s\t%s\t%s\n", e.Severity, e.Code, e.Title)
	}
	return t.Flush()
}
