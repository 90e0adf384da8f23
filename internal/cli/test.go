package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"

	"github.com/spf13/cobra"

	"github.com/keywright/keywright/internal/accessfile"
	"github.com/keywright/keywright/internal/findings"
	"github.com/keywright/keywright/internal/simulate"
)

func newTest() *cobra.Command {
	var t tests
	c := &cobra.Command{
		Use:   "test FILE...",
		Short: "Test policies against a file of expectations",
		Long: `Decide every case of the access files, and say which are not decided as expected.

An access file, in YAML or JSON, has the policies and principals of an account, and
cases: who does what to what, and whether that is to be allowed. Its format is
described in docs/access-file.md. Nothing is asked of any server: the same engine
decides that serves.

Exit status: 0 when every case is as expected, 1 when one is not, 2 when a file
cannot be read or is wrong.`,
		Example: `  # access.yaml
  account: "123456789012"
  policies:
    home: home-folders.json        # the policy of a group, with ${aws:username}
  principals:
    David: {arn: "arn:aws:iam::123456789012:user/David", identity: [home]}
  cases:
    - {name: own folder, principal: David, action: s3:GetObject,
       resource: "arn:aws:s3:::my-company/home/David/x", expect: allowed}
    - {name: another's folder, principal: David, action: s3:GetObject,
       resource: "arn:aws:s3:::my-company/home/Adele/x", expect: implicitDeny}

  # all cases; failures with their reasons, and a summary
  keywright test access.yaml

  # each case whose name has the word folder
  keywright test access.yaml --run folder -v

  # for CI
  keywright test policies/*.yaml --junit report.xml`,
		Args: func(_ *cobra.Command, files []string) error {
			if len(files) == 0 {
				return usage("name the access files", "no files")
			}
			return nil
		},
	}
	c.Flags().StringVar(&t.run, "run", "", "run only the cases whose names match this `regexp`")
	c.Flags().BoolVarP(&t.verbose, "verbose", "v", false, "print every case, also those as expected")
	c.Flags().BoolVar(&t.json, "json", false, "print a JSON document")
	c.Flags().StringVar(&t.junit, "junit", "", "write a report in JUnit's XML to this `file` too")
	c.RunE = func(c *cobra.Command, files []string) error {
		if err := noEmptyFlags(c.Flags()); err != nil {
			return err
		}
		return t.do(c.Context(), files, c.OutOrStdout(), c.ErrOrStderr())
	}
	return c
}

// tests is one run of access files.
type tests struct {
	run     string
	verbose bool
	json    bool
	junit   string
}

// testReport is the document that --json prints.
type testReport struct {
	Cases  []caseReport `json:"cases"`
	Total  int          `json:"total"` // cases that ran
	Passed int          `json:"passed"`
	Failed int          `json:"failed"`
	NotRun int          `json:"notRun"` // cases that --run left out
}

// caseReport is what became of one case.
type caseReport struct {
	File      string           `json:"file"`
	Line      int              `json:"line"`
	Column    int              `json:"column"`
	Name      string           `json:"name"`
	Principal string           `json:"principal"`
	Action    string           `json:"action"`
	Resource  string           `json:"resource"`
	Expected  string           `json:"expected"`
	By        string           `json:"expectedDecidedBy,omitempty"`
	Decision  string           `json:"decision"`
	DecidedBy string           `json:"decidedBy"`
	Passed    bool             `json:"passed"`
	Reason    string           `json:"reason,omitempty"` // of a case that failed, or of any with -v
	Statement *statementReport `json:"statement,omitempty"`

	want, got string // in words
}

// statementReport is the statement that decided.
type statementReport struct {
	Policy string `json:"policy"`
	Index  int    `json:"index"` // from 0
	Sid    string `json:"sid,omitempty"`
	File   string `json:"file,omitempty"`
	Line   int    `json:"line,omitempty"`
	Column int    `json:"column,omitempty"`
}

func (t *tests) do(ctx context.Context, paths []string, stdout, stderr io.Writer) error {
	filter, err := regexp.Compile(t.run)
	if err != nil {
		return usage("--run takes a regular expression in Go's syntax", "--run %q: %v", t.run, err)
	}
	files, err := interruptible(ctx, func() ([]*accessfile.File, error) { return openAccessFiles(paths) })
	if err != nil {
		return err
	}
	report := &testReport{Cases: []caseReport{}}
	told := advised{}
	for _, f := range files {
		for _, c := range f.Cases {
			if ctx.Err() != nil {
				return errInterrupted
			}
			if !filter.MatchString(c.Name) {
				report.NotRun++
				continue
			}
			for _, odd := range told.advise(c) {
				fmt.Fprintf(stderr, "warning: %s: %s\n", c.Position, odd)
			}
			report.add(t.decide(f, c))
		}
	}
	if report.Total == 0 {
		return usage("an access file has cases, and --run matches the names of some", "no case was decided")
	}
	return t.write(report, stdout)
}

// openAccessFiles reads all files, and tells the problems of all.
func openAccessFiles(paths []string) ([]*accessfile.File, error) {
	var files []*accessfile.File
	var problems accessfile.Problems
	for _, path := range paths {
		f, err := accessfile.Read(path)
		var of accessfile.Problems
		switch {
		case errors.As(err, &of):
			problems = append(problems, of...)
		case err != nil:
			problems = append(problems, &accessfile.Problem{Position: accessfile.Position{File: path}, Message: cause(err), Hint: "give the paths of access files"})
		default:
			files = append(files, f)
		}
	}
	if len(problems) > 0 {
		return nil, problems
	}
	return files, nil
}

// cause is the error of opening a file, without the path that stands before it.
func cause(err error) string {
	var e *os.PathError
	if errors.As(err, &e) {
		return e.Err.Error()
	}
	return err.Error()
}

func (t *tests) decide(f *accessfile.File, c *accessfile.Case) caseReport {
	d := simulate.Decide(&c.Request, &c.Policies)
	r := caseReport{
		File: c.Position.File, Line: c.Position.Line, Column: c.Position.Column, Name: c.Name, Principal: c.Principal.Name,
		Action: c.Request.Action, Resource: c.Request.Resource, Expected: string(c.Expect), By: c.DecidedBy, Decision: d.Effect.String(),
		DecidedBy: accessfile.PolicyTypeName(d.Reason), Passed: c.Holds(d),
	}
	if r.want, r.got = r.Expected, r.Decision; r.By != "" {
		r.want += " by " + r.By
		r.got += " by " + r.DecidedBy
	}
	if r.Passed && !t.verbose {
		return r
	}
	e := explain(&c.Request, &c.Policies, f.Document)
	r.Reason = e.reason()
	if s, ok := e.decider(); ok {
		r.Statement = &statementReport{Policy: s.policy.Name(), Index: s.index, Sid: s.trace.Sid}
		if at, ok := e.position(s); ok {
			r.Statement.File, r.Statement.Line, r.Statement.Column = at.File, at.Line, at.Column
		}
	}
	return r
}

func (r *testReport) add(c caseReport) {
	r.Cases = append(r.Cases, c)
	r.Total++
	if c.Passed {
		r.Passed++
	} else {
		r.Failed++
	}
}

func (t *tests) write(r *testReport, stdout io.Writer) error {
	if t.junit != "" {
		if err := writeJUnit(t.junit, r); err != nil {
			return usage("--junit takes the path of a file that can be written", "cannot write the report %s: %s", plain(t.junit), cause(err))
		}
	}
	var err error
	if t.json {
		err = findings.Encode(stdout, r)
	} else {
		err = t.print(r, stdout)
	}
	switch {
	case err != nil:
		return usage("its output could not be written", "cannot print the result: %v", err)
	case r.Failed > 0:
		return exitStatus(1)
	}
	return nil
}

func (t *tests) print(r *testReport, stdout io.Writer) error {
	var err error
	line := func(format string, args ...any) {
		if _, e := fmt.Fprintf(stdout, format+"\n", args...); err == nil {
			err = e
		}
	}
	for _, c := range r.Cases {
		at := accessfile.Position{File: c.File, Line: c.Line, Column: c.Column}
		switch {
		case !c.Passed:
			line("%s: FAIL %s: expected %s, got %s: %s", at, plain(c.Name), c.want, c.got, plain(c.Reason))
		case t.verbose:
			line("%s: ok %s: %s: %s", at, plain(c.Name), c.Decision, plain(c.Reason))
		}
	}
	left := ""
	if r.NotRun > 0 {
		left = fmt.Sprintf(" (%d not run)", r.NotRun)
	}
	cases := "cases"
	if r.Total == 1 {
		cases = "case"
	}
	line("%d %s: %d passed, %d failed%s", r.Total, cases, r.Passed, r.Failed, left)
	return err
}
