package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/keywright/keywright/internal/secrets"
	"github.com/keywright/keywright/internal/server"
)

// profileNames are the profiles that the demo writes, in their order.
var profileNames = []string{"root", "adele", "bob", "david"}

func newDemo() *cobra.Command {
	var s serving
	c := &cobra.Command{
		Use:   "demo",
		Short: "Serve a ready-made company to try things on",
		Long: `Serve as "keywright serve" does, with a ready-made company: bucket my-company with a
folder for each of the users Adele, Bob and David, who are in one group with one
policy. It prints three commands to try as David.

Everything is made through the operations that any client has, and what is there
is left as it is: starting the demo twice does no harm and repairs what is missing.
The access keys are in DIR/demo/config, a configuration file of the AWS CLI and
SDKs that only this user can read.

The demo wants a data directory of its own, and speaks plain HTTP.`,
		Example: `  # in ./data, on 127.0.0.1:9000
  keywright demo

  # elsewhere
  keywright demo --data /tmp/company --listen 127.0.0.1:9100`,
		Args: noArguments,
	}
	s.register(c.Flags(), "warn")
	showVariables(c.Flags())
	c.RunE = work(func(c *cobra.Command) error {
		config, err := s.complete(c.ErrOrStderr())
		if err != nil {
			return err
		}
		return demo(c.Context(), config, c.OutOrStdout())
	})
	return c
}

func demo(ctx context.Context, config server.Config, stdout io.Writer) error {
	p, err := openProfiles(&config)
	if err != nil {
		return err
	}
	s, err := server.Open(ctx, config)
	if err != nil {
		return err
	}
	serving, stop := context.WithCancel(ctx)
	defer stop()
	served := make(chan error, 1)
	go func() { served <- s.Serve(serving) }()

	c := newCompany(s.Endpoint(), config.Region, config.RootKey)
	p.endpoint, p.keys["root"] = c.endpoint, config.RootKey
	err = c.prepare(serving, p)
	if err == nil {
		err = p.write(profileNames)
	}
	if err == nil {
		err = c.introduce(stdout, s.AccountID(), p)
	}
	if err != nil {
		stop()
		err = errors.Join(fmt.Errorf("prepare the company: %w", err), <-served)
		if ctx.Err() != nil {
			return nil // interrupted: the next start goes on
		}
		return err
	}
	return <-served
}

// openProfiles reads the demo's profiles, and has a root key among them before
// the server knows it: whatever happens in between, a later start has both.
func openProfiles(config *server.Config) (*profiles, error) {
	data, err := filepath.Abs(config.DataDir)
	if err != nil {
		return nil, err
	}
	folder := filepath.Join(data, "demo")
	if exists(filepath.Join(data, "directory.db")) && !exists(folder) {
		return nil, &server.Error{Problem: "the data directory " + config.DataDir + " was not made by the demo",
			Hint: "the demo makes users and files of its own: give --data a new directory"}
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, &server.Error{Problem: "cannot make " + folder, Err: err, Hint: "give --data a directory that you may write to"}
	}
	p, err := readProfiles(filepath.Join(folder, "config"))
	if err != nil {
		return nil, &server.Error{Problem: "cannot read the demo's profiles", Err: err, Hint: "remove the file: the demo makes it anew"}
	}
	p.region, p.endpoint = config.Region, "http://"+config.Listen
	if config.RootKey.ID != "" || config.RootKey.Secret != "" {
		return p, nil
	}
	if root := p.keys["root"]; root.ID != "" && root.Secret != "" {
		config.RootKey = root
		return p, nil
	}
	config.RootKey = server.AccessKey{ID: secrets.NewAccessKeyID("AKIA"), Secret: secrets.NewSecretAccessKey()}
	p.keys["root"] = config.RootKey
	return p, p.write(profileNames)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
