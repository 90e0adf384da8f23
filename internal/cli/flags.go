package cli

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"github.com/spf13/pflag"

	"github.com/keywright/keywright/internal/server"
)

// The environment variables that have no flag: what a command line holds, every
// user of the machine can read.
const (
	masterKeyVariable  = "KEYWRIGHT_MASTER_KEY"
	rootKeyIDVariable  = "KEYWRIGHT_ROOT_ACCESS_KEY_ID"
	rootSecretVariable = "KEYWRIGHT_ROOT_SECRET_ACCESS_KEY"
)

// variable returns the environment variable of a flag: KEYWRIGHT_LOG_FORMAT for
// log-format.
func variable(flag string) string {
	return "KEYWRIGHT_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// showVariables adds to each flag's usage the variable that sets it too.
func showVariables(flags *pflag.FlagSet) {
	flags.VisitAll(func(f *pflag.Flag) { f.Usage += " [" + variable(f.Name) + "]" })
}

// fromEnvironment sets the flags that were not given from their variables. An
// empty variable counts as absent.
func fromEnvironment(flags *pflag.FlagSet) error {
	var errs []error
	flags.VisitAll(func(f *pflag.Flag) {
		value := os.Getenv(variable(f.Name))
		if f.Changed || value == "" || f.Name == "help" {
			return
		}
		if err := flags.Set(f.Name, value); err != nil {
			errs = append(errs, fmt.Errorf("%s=%q: %w", variable(f.Name), value, errors.Unwrap(err)))
		}
	})
	return errors.Join(errs...)
}

// noEmptyFlags refuses flags that were given with nothing, as a script does whose
// variable is not set: they would count as flags that were not given.
func noEmptyFlags(flags *pflag.FlagSet) error {
	var empty error
	flags.Visit(func(f *pflag.Flag) {
		if f.Value.Type() == "string" && f.Value.String() == "" && empty == nil {
			empty = usage("give it a value, or leave it out", "--%s is empty", f.Name)
		}
	})
	return empty
}

// serving is the flags of the commands that serve.
type serving struct {
	config              server.Config
	logFormat, logLevel string
}

func (s *serving) register(flags *pflag.FlagSet, logLevel string) {
	flags.StringVar(&s.config.DataDir, "data", "./data", "`directory` that holds everything; made when it does not exist")
	flags.StringVar(&s.config.Listen, "listen", "127.0.0.1:9000", "`address` to serve S3, IAM, STS and KMS on; port 0 is any free one")
	flags.StringVar(&s.config.AccountID, "account-id", "", "`id` of the account that the first start makes, 12 to 20 digits (default random)")
	flags.StringVar(&s.config.Region, "region", "us-east-1", "`region` that buckets are in and requests are signed for")
	flags.StringSliceVar(&s.config.Domains, "domain", []string{"localhost"}, "`name` whose subdomains are buckets (virtual-hosted-style); may be repeated, or a list with commas")
	flags.StringSliceVar(&s.config.TrustedProxies, "trusted-proxy", nil, "`CIDR` or address of proxies whose X-Forwarded-For, Forwarded and X-Forwarded-Proto are believed; may be repeated, or a list with commas")
	flags.StringVar(&s.config.BucketDefaults, "bucket-defaults", server.CurrentBuckets, "`which` defaults new buckets have: current, with ACLs disabled and all of Block Public Access on, or legacy, with neither, as before April 2023")
	flags.DurationVar(&s.config.LifecycleDay, "lifecycle-day", 0, "`duration` of a day of the buckets' lifecycle rules, to try them, such as 10s (default 24h)")
	flags.StringVar(&s.logFormat, "log-format", "text", "`format` of the log on standard error: text or json")
	flags.StringVar(&s.logLevel, "log-level", logLevel, "least `level` that is logged: debug, info, warn or error")
}

// complete returns the configuration that the flags and the environment give.
func (s *serving) complete(stderr io.Writer) (server.Config, error) {
	c := s.config
	log, err := newLog(stderr, s.logFormat, s.logLevel)
	if err != nil {
		return c, err
	}
	c.Log = log
	c.MasterKey = os.Getenv(masterKeyVariable)
	c.RootKey = server.AccessKey{ID: os.Getenv(rootKeyIDVariable), Secret: os.Getenv(rootSecretVariable)}
	return c, nil
}

func newLog(w io.Writer, format, level string) (*slog.Logger, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, &server.Error{Problem: fmt.Sprintf("%q is not a level of the log", level), Hint: "--log-level is debug, info, warn or error", Usage: true}
	}
	o := &slog.HandlerOptions{Level: l}
	switch format {
	case "text":
		return slog.New(slog.NewTextHandler(w, o)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, o)), nil
	}
	return nil, &server.Error{Problem: fmt.Sprintf("%q is not a format of the log", format), Hint: "--log-format is text or json", Usage: true}
}
