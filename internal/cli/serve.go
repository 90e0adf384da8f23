package cli

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"

	"github.com/spf13/cobra"

	"github.com/keywright/keywright/internal/server"
)

func newServe() *cobra.Command {
	var s serving
	c := &cobra.Command{
		Use:   "serve",
		Short: "Serve S3, IAM, STS and KMS from a data directory",
		Long: `Serve S3, IAM, STS and KMS on one address, with everything in one data directory.

The first start makes an account and the access key of its root, and shows the
secret once. To have a key of your own instead, as containers need it, set
  ` + rootKeyIDVariable + ` and
  ` + rootSecretVariable + `.
Starting again with the same values changes nothing. Starting with other values
replaces the root's access keys by the given one.

Secrets are encrypted under the key in DIR/keys/master.key, which the first start
makes. Set ` + masterKeyVariable + ` to the text of such a file to keep it elsewhere.

Every flag can be set by the environment variable that is shown with it; the flag
wins. Ctrl-C finishes the requests under way; a second one does not wait. SIGHUP
reads the TLS files anew.`,
		Example: `  # on this machine only, in ./data
  keywright serve

  # for others, with TLS, and buckets as subdomains
  keywright serve --data /var/lib/keywright --listen :9000 \
    --tls-cert cert.pem --tls-key key.pem --domain s3.example.com

  # with an account id that your policies name already
  keywright serve --account-id 700001145864652591

  # is it ready?
  curl http://127.0.0.1:9000/-/health`,
		Args: noArguments,
	}
	s.register(c.Flags(), "info")
	c.Flags().StringVar(&s.config.TLSCert, "tls-cert", "", "PEM `file` of the TLS certificate and its chain")
	c.Flags().StringVar(&s.config.TLSKey, "tls-key", "", "PEM `file` of the certificate's private key")
	showVariables(c.Flags())
	c.RunE = work(func(c *cobra.Command) error {
		config, err := s.complete(c.ErrOrStderr())
		if err != nil {
			return err
		}
		return serve(c.Context(), config, c.OutOrStdout())
	})
	return c
}

func serve(ctx context.Context, config server.Config, stdout io.Writer) error {
	s, err := server.Open(ctx, config)
	if err != nil {
		return err
	}
	if err := welcome(stdout, s, config); err != nil {
		return closing(s, err)
	}
	if config.TLSCert == "" && !loopback(config.Listen) {
		config.Log.Warn("without TLS, others on the network can read what is sent: give --tls-cert and --tls-key, or put a proxy in front", "listen", config.Listen)
	}
	onHangup(ctx, func() { reload(s, config.Log) })
	return s.Serve(ctx)
}

// closing gives back what a server holds that will not serve.
func closing(s *server.Server, err error) error {
	if e := s.Close(); e != nil {
		return fmt.Errorf("%w; %w", err, e)
	}
	return err
}

// welcome says where the server is, and shows a new root key: this once.
func welcome(w io.Writer, s *server.Server, config server.Config) error {
	_, err := fmt.Fprintf(w, "Keywright serves S3, IAM, STS and KMS at %s\nAccount %s, region %s, data in %s\n",
		s.Endpoint(), s.AccountID(), config.Region, config.DataDir)
	key := s.NewRootKey()
	if err != nil || key == nil {
		return err
	}
	_, err = fmt.Fprintf(w, `
The access key of the account's root. It is shown this once: keep it safe.

  export AWS_ACCESS_KEY_ID=%s
  export AWS_SECRET_ACCESS_KEY=%s

What to do next, after these two lines:

  aws --endpoint-url %[3]s --region %[4]s sts get-caller-identity
  aws --endpoint-url %[3]s --region %[4]s iam create-user --user-name David
  aws --endpoint-url %[3]s --region %[4]s s3 mb s3://my-bucket

`, key.ID, key.Secret, s.Endpoint(), config.Region)
	if err != nil {
		return &server.Error{Problem: "cannot show the root access key", Err: err,
			Hint: "start again with " + rootKeyIDVariable + " and " + rootSecretVariable + " set, which replaces it"}
	}
	return nil
}

func reload(s *server.Server, log *slog.Logger) {
	if err := s.ReloadCertificate(); err != nil {
		log.Error("TLS files not reloaded; the certificate in use stays", "cause", err)
		return
	}
	log.Info("TLS files reloaded")
}

// loopback reports whether an address can be reached from this machine only.
func loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
