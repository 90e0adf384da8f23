package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/diff"
	"github.com/spf13/cobra"

	"github.com/keywright/keywright/arn"
	"github.com/keywright/keywright/internal/findings"
	"github.com/keywright/keywright/internal/server"
	"github.com/keywright/keywright/policy"
	"github.com/keywright/keywright/policy/lint"
)

// checking is the flags of check.
type checking struct {
	policyType, format, severity string
	options                      lint.Options
	json, fix, diff              bool
	explain                      string
	list                         bool
}

func newCheck() *cobra.Command {
	var k checking
	c := &cobra.Command{
		Use:   "check FILE...",
		Short: "Say what is wrong with policies, why, and how to mend it",
		Long: `Check policy documents: what AWS refuses, what IAM Access Analyzer warns of, and
what people commonly get wrong about S3. Each finding has its place, what is wrong,
why it matters, and what to do. "-" is standard input.

The type of a policy is guessed from the document when --type does not say it: with
a Principal and a Resource it is resource, with a Principal alone it is trust, and
else it is identity.

--fix writes the fixes that are safe: those that grant nothing that was not granted,
and take away nothing that somebody can use. They leave every other byte of the file
as it is.

Exit status: 0 when nothing is at least as bad as --severity, 1 when something is or
when there are more findings than are told, 2 when a file cannot be read or the
command line is wrong.`,
		Example: `  # a policy that is to be attached to a user, group or role
  keywright check policy.json

  # the policy of a bucket, as AWS has it
  aws s3api get-bucket-policy --bucket my-bucket --query Policy --output text |
    keywright check --type resource --bucket my-bucket -

  # is a bucket open to other accounts' customers?
  keywright check --account 111122223333 bucket-policy.json

  # see what could be mended, then mend it
  keywright check --diff policies/*.json
  keywright check --fix policies/*.json

  # for the code scanning of GitHub, failing on warnings too
  keywright check --format sarif --severity warning policies/*.json > findings.sarif

  # what does a code mean?
  keywright check --explain LIST_WHOLE_BUCKET`,
		SilenceErrors: true,
		RunE:          func(c *cobra.Command, names []string) error { return k.run(c, names) },
	}
	flags := c.Flags()
	flags.StringVar(&k.policyType, "type", "", "`type` of policy: "+alternatives(typeNames())+" (default guessed from each document)")
	flags.StringVar(&k.options.Bucket, "bucket", "", "`name` of the bucket that a resource policy is for (default any)")
	flags.StringVar(&k.options.Account, "account", "", "`id` of the account that owns what a resource or trust policy is for (default not known)")
	flags.BoolVar(&k.options.Managed, "managed", false, "hold an identity policy to the rules of managed policies, as CreatePolicy does")
	flags.StringVar(&k.format, "format", "text", "`format` of the findings: text, json or sarif")
	flags.BoolVar(&k.json, "json", false, "short for --format json")
	flags.StringVar(&k.severity, "severity", "security-warning", "least `severity` that makes the exit status 1: "+alternatives(severityNames()))
	flags.BoolVar(&k.fix, "fix", false, "write the fixes that are safe into the files")
	flags.BoolVar(&k.diff, "diff", false, "show what --fix would change, and nothing else")
	flags.StringVar(&k.explain, "explain", "", "print the documentation of a `code`")
	flags.BoolVar(&k.list, "list", false, "print all codes")
	k.complete(c)
	return c
}

// complete makes a shell complete the values of flags.
func (k *checking) complete(c *cobra.Command) {
	for flag, values := range map[string][]string{
		"type": typeNames(), "format": formats, "severity": severityNames(), "explain": codeNames(), "bucket": nil, "account": nil,
	} {
		if err := c.RegisterFlagCompletionFunc(flag, completions(values)); err != nil {
			panic(err) // only for a flag that does not exist
		}
	}
}

func typeNames() []string {
	var names []string
	for _, kind := range findings.Types {
		names = append(names, lint.KindName(kind))
	}
	return names
}

func codeNames() []string {
	var names []string
	for _, e := range lint.Codes() {
		names = append(names, string(e.Code))
	}
	return names
}

var formats = []string{"text", "json", "sarif"}

func alternatives(names []string) string {
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " or " + names[last]
}

// severityNames returns the severities as a command line has them, the worst
// first.
func severityNames() []string {
	var names []string
	for s := lint.Error; s <= lint.Suggestion; s++ {
		names = append(names, severityName(s))
	}
	return names
}

func severityName(s lint.Severity) string {
	return strings.ReplaceAll(strings.ToLower(s.String()), "_", "-")
}

func usage(hint, problem string, args ...any) error {
	return &server.Error{Problem: fmt.Sprintf(problem, args...), Hint: hint, Usage: true}
}

func (k *checking) run(c *cobra.Command, names []string) error {
	if err := noEmptyFlags(c.Flags()); err != nil {
		return err
	}
	if k.json {
		if c.Flags().Changed("format") && k.format != "json" {
			return usage("give one of them", "--json and --format %s ask for two formats", k.format)
		}
		k.format = "json"
	}
	least := slices.Index(severityNames(), strings.ReplaceAll(strings.ToLower(k.severity), "_", "-"))
	account := k.options.Account
	_, known := lint.ParseKind(k.policyType)
	switch {
	case !slices.Contains(formats, k.format):
		return usage("--format is "+alternatives(formats), "%q is not a format of findings", k.format)
	case least < 0:
		return usage("--severity is "+alternatives(severityNames()), "%q is not a severity", k.severity)
	case k.policyType != "" && !known:
		return usage("--type is "+alternatives(typeNames()), "%q is not a type of policy", k.policyType)
	case account != "" && !arn.IsAccountID(account):
		return usage("an account id has 12 to 20 digits", "%q is not an account id", account)
	case k.fix && k.diff:
		return usage("--diff first, then --fix", "--diff shows what --fix would write: give one of them")
	case k.diff && k.format != "text":
		return usage("--format json says of each finding whether it is fixable, and sarif how", "--diff is a format of its own")
	case k.explain != "" || k.list:
		if len(names) > 0 {
			return usage("give one of them", "--explain and --list check no files, but got %q", names[0])
		}
		if k.explain != "" {
			return k.explainCode(c.OutOrStdout())
		}
		return printed(k.listCodes(c.OutOrStdout()))
	case len(names) == 0:
		return usage(`name the files to check; "-" is standard input`, "no files")
	case k.fix && slices.Contains(names, "-"):
		return usage("keywright check --diff - shows what would be written", "--fix writes files, and standard input is none")
	}
	return k.check(c, names, lint.Severity(least))
}

// check checks every file that can be read, and says which cannot.
func (k *checking) check(c *cobra.Command, names []string, least lint.Severity) error {
	var files []findings.File
	var failed error
	for _, name := range names {
		f, err := k.file(c, name)
		if c.Context().Err() != nil {
			return usage("run it again to check all files", "interrupted before %s was checked", plain(name))
		}
		if err != nil {
			failed = exitStatus(report(c.ErrOrStderr(), c, err))
			continue
		}
		files = append(files, f)
	}
	if err := printed(k.write(c.OutOrStdout(), files)); err != nil {
		return err
	}
	isCut := slices.ContainsFunc(files, func(f findings.File) bool { return f.IsCut() })
	if failed == nil && (isCut || findings.Count(files, least) > 0) {
		return exitStatus(1)
	}
	return failed
}

// file checks one file and, when told to, mends it.
func (k *checking) file(c *cobra.Command, name string) (findings.File, error) {
	source, err := interruptible(c.Context(), func() ([]byte, error) { return readPolicy(c.InOrStdin(), name) })
	if err != nil {
		return findings.File{}, err
	}
	kind, guess := findings.Guess(source)
	if k.policyType != "" {
		kind, _ = lint.ParseKind(k.policyType)
		guess = ""
	}
	f := findings.Check(name, source, kind, k.options)
	f.Guess = guess
	if !k.fix {
		return f, nil
	}
	after := findings.Mend(f)
	if len(after.Mended) > 0 {
		if err := replaceFile(name, source, after.Source); err != nil {
			return f, &server.Error{Problem: "cannot write " + plain(name), Err: err, Hint: "nothing was changed in it", Usage: true}
		}
	}
	return after, nil
}

// printed is the error of printing what was found.
func printed(err error) error {
	if err == nil {
		return nil
	}
	return usage("its output could not be written", "cannot print the findings: %v", err)
}

func (k *checking) write(w io.Writer, files []findings.File) error {
	switch {
	case k.diff:
		return writeDiff(w, files, isTerminal(w))
	case k.format == "json":
		return findings.JSON(w, files)
	case k.format == "sarif":
		return findings.SARIF(w, files, version())
	}
	return findings.Text(w, files, isColourful(w))
}

// writeDiff writes what Mend changes, in the unified format that patch reads: to a
// file or a pipe every byte as it is, and to a terminal what people can read.
func writeDiff(w io.Writer, files []findings.File, toTerminal bool) error {
	for _, f := range files {
		after := findings.Mend(f)
		changes := diff.Diff(f.Name+".orig", f.Source, f.Name, after.Source)
		if toTerminal {
			changes = readable(changes)
		}
		if _, err := w.Write(changes); err != nil {
			return err
		}
	}
	return nil
}

func readable(text []byte) []byte {
	var b []byte
	for line := range bytes.Lines(text) {
		b = append(append(b, plainLine(string(bytes.TrimSuffix(line, []byte("\n"))))...), '\n')
	}
	return b
}

// isColourful reports whether w is a terminal of somebody who wants colours
// (no-color.org).
func isColourful(w io.Writer) bool {
	return os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && isTerminal(w)
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// readPolicy reads a file, or standard input for "-": no more of it than a
// policy can have.
func readPolicy(stdin io.Reader, name string) ([]byte, error) {
	if name == "-" {
		data, err := io.ReadAll(io.LimitReader(stdin, policy.MaxSize+1))
		if err != nil {
			return nil, unreadable("standard input", err)
		}
		return data, nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, unreadable(name, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, unreadable(name, err)
	}
	if info.IsDir() {
		return nil, usage("name its files, such as "+quote(name)+"/*.json", "%s is a directory", plain(name))
	}
	data, err := io.ReadAll(io.LimitReader(f, policy.MaxSize+1))
	if err != nil {
		return nil, unreadable(name, err)
	}
	return data, nil
}

func unreadable(name string, err error) error {
	var e *os.PathError
	if errors.As(err, &e) {
		err = e.Err // without the name again
	}
	return &server.Error{Problem: "cannot read " + plain(name), Err: err, Hint: "give the path of a file", Usage: true}
}
