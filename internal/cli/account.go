package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/keywright/keywright/internal/server"
)

func newAccount() *cobra.Command {
	c := &cobra.Command{
		Use:   "account",
		Short: "Add accounts to a data directory, and list them",
		Long: `Add accounts to a data directory, and list them.

A server has one account to begin with. More of them share its endpoint and the
names of buckets, and nothing else: what one account's users may do with another's
buckets and roles takes a policy on both sides, as on AWS.

A server that runs on the data directory does it itself, when its owner asks.`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newAccountAdd(), newAccountList())
	return c
}

// accounts is the flags of the commands about accounts.
type accounts struct {
	data string
	json bool
}

func (a *accounts) register(c *cobra.Command) {
	c.Flags().StringVar(&a.data, "data", "./data", "`directory` that a server has made")
	c.Flags().BoolVar(&a.json, "json", false, "print a JSON document")
	showVariables(c.Flags())
}

func (a *accounts) config(c *cobra.Command) (server.AccountsConfig, error) {
	log, err := newLog(c.ErrOrStderr(), "text", "warn")
	return server.AccountsConfig{DataDir: a.data, MasterKey: os.Getenv(masterKeyVariable), Log: log}, err
}

func newAccountAdd() *cobra.Command {
	var a accounts
	var id, name string
	c := &cobra.Command{
		Use:   "add",
		Short: "Make an account and the access key of its root",
		Long: `Make one more account in a data directory, and the access key of its root. The
secret is shown this once. A server that runs on the directory lets it in at once.`,
		Example: `  # an account of 12 random digits
  keywright account add --data /var/lib/keywright

  # with the id that a partner's policies name already
  keywright account add --data /var/lib/keywright --account-id 280772890673 --name partner`,
		Args: noArguments,
	}
	c.Flags().StringVar(&id, "account-id", "", "`id` of the account, 12 to 20 digits (default random)")
	c.Flags().StringVar(&name, "name", "", "what the account is `called`, for people")
	a.register(c)
	c.RunE = work(func(c *cobra.Command) error {
		config, err := a.config(c)
		if err != nil {
			return err
		}
		added, err := server.AddAccount(c.Context(), config, id, name)
		if err != nil {
			return err
		}
		return a.showAdded(c.OutOrStdout(), added)
	})
	return c
}

func (a *accounts) showAdded(w io.Writer, added *server.AddedAccount) error {
	if a.json {
		return json.NewEncoder(w).Encode(map[string]string{
			"AccountId": added.Account.ID, "Name": added.Account.Name,
			"AccessKeyId": added.RootKey.ID, "SecretAccessKey": added.RootKey.Secret,
		})
	}
	_, err := fmt.Fprintf(w, `Account %s

The access key of the account's root. It is shown this once: keep it safe.

  export AWS_ACCESS_KEY_ID=%s
  export AWS_SECRET_ACCESS_KEY=%s

`, added.Account.ID, added.RootKey.ID, added.RootKey.Secret)
	return err
}

func newAccountList() *cobra.Command {
	var a accounts
	c := &cobra.Command{
		Use:   "list",
		Short: "List the accounts, the first one first",
		Example: `  keywright account list --data /var/lib/keywright
  keywright account list --data /var/lib/keywright --json`,
		Args: noArguments,
	}
	a.register(c)
	c.RunE = work(func(c *cobra.Command) error {
		config, err := a.config(c)
		if err != nil {
			return err
		}
		all, err := server.Accounts(c.Context(), config)
		if err != nil {
			return err
		}
		shown := []map[string]string{}
		for _, one := range all {
			created := one.Created.UTC().Format("2006-01-02T15:04:05Z")
			shown = append(shown, map[string]string{"AccountId": one.ID, "Name": one.Name, "CreateDate": created, "CanonicalUserId": one.CanonicalID})
			if !a.json {
				if _, err := fmt.Fprintf(c.OutOrStdout(), "%s\t%s\t%s\n", one.ID, created, one.Name); err != nil {
					return err
				}
			}
		}
		if a.json {
			return json.NewEncoder(c.OutOrStdout()).Encode(map[string]any{"Accounts": shown})
		}
		return nil
	})
	return c
}
