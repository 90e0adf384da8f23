package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/keywright/keywright/internal/server"
)

// Main runs the program with the process's arguments, environment and signals,
// and returns its exit status.
func Main() int {
	ctx, stop := untilInterrupted()
	defer stop()
	return run(ctx, os.Args[1:], os.Stdout, os.Stderr)
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := newRoot()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	command, err := root.ExecuteContextC(ctx)
	if err == nil {
		return 0
	}
	return report(stderr, command, err)
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "keywright",
		Short: "An S3, IAM, STS and KMS endpoint that gives each user exactly the access he needs",
		Long: `Keywright speaks S3, IAM, STS and KMS to the clients you have, on one machine, and
decides every request as AWS does: identity policies, bucket policies, permissions
boundaries, session policies, trust policies and policy variables.`,
		Example: `  # a ready-made company to try: bucket my-company, users Adele, Bob and David
  keywright demo

  # an empty endpoint; the first start shows its root access key once
  keywright serve --data /var/lib/keywright

  # all flags of a command, and the environment variables of the same names
  keywright serve --help`,
		Args:              noArguments,
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: false},
		RunE:              func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return err })
	root.AddCommand(newServe(), newDemo(), newAccount(), newCan(), newCheck(), newTest(), newVersion())
	return root
}

// noArguments refuses arguments with a hint at the commands there are.
func noArguments(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if c.HasParent() {
		return fmt.Errorf("%s takes no arguments, but got %q", c.CommandPath(), args[0])
	}
	return fmt.Errorf("there is no command %q", args[0])
}

// failure is an error of a command's work, other than of its command line.
type failure struct{ err error }

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// work makes a command's function of one whose errors are failures, unless they
// blame the configuration.
func work(do func(c *cobra.Command) error) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, _ []string) error {
		if err := fromEnvironment(c.Flags()); err != nil {
			return err
		}
		err := do(c)
		var e *server.Error
		if err == nil || errors.As(err, &e) && e.Usage {
			return err
		}
		return &failure{err}
	}
}

// exitStatus is how a command ended whose output has said all there is to say.
type exitStatus int

func (s exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

// report writes an error and what can be done about it.
func report(stderr io.Writer, c *cobra.Command, err error) int {
	var s exitStatus
	if errors.As(err, &s) {
		return int(s)
	}
	if reportProblems(stderr, err) {
		return 2
	}
	for i, line := range strings.Split(err.Error(), "\n") {
		if i == 0 {
			line = "error: " + line
		}
		fmt.Fprintln(stderr, plain(line))
	}
	var e *server.Error
	var f *failure
	failed := errors.As(err, &f)
	switch {
	case errors.As(err, &e) && e.Hint != "":
		fmt.Fprintf(stderr, "hint: %s\n", e.Hint)
	case !failed:
		fmt.Fprintf(stderr, "hint: %s --help shows what there is\n", c.CommandPath())
	}
	if failed {
		return 1
	}
	return 2
}
