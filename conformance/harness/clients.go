package harness

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// HTTP returns a client with connections of its own that trusts the server's
// certificate and connects to it whatever host a URL names, as bucket.localhost.
func (s *Server) HTTP() *http.Client {
	transport := &http.Transport{
		MaxIdleConnsPerHost: 64,
		DisableCompression:  true,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, s.Addr())
		},
	}
	if s.options.TLS != nil {
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM(s.options.TLS.PEM)
		transport.TLSClientConfig = &tls.Config{RootCAs: roots}
	}
	return &http.Client{
		Transport: transport,
		Timeout:   5 * time.Minute,
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		},
	}
}

// Config returns an SDK configuration that speaks to the server as the holder
// of creds, and never tries twice. Empty credentials make anonymous requests.
func (s *Server) Config(creds aws.Credentials) aws.Config {
	c := aws.Config{
		Region:       Region,
		BaseEndpoint: aws.String(s.Endpoint),
		HTTPClient:   s.HTTP(),
		Retryer:      func() aws.Retryer { return aws.NopRetryer{} },
		Credentials:  aws.AnonymousCredentials{},

		// The defaults of a configuration that the SDK loads itself.
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenSupported,
		ResponseChecksumValidation: aws.ResponseChecksumValidationWhenSupported,
	}
	if creds.AccessKeyID != "" {
		c.Credentials = credentials.StaticCredentialsProvider{Value: creds}
	}
	return c
}

// S3 returns an S3 client with path-style addresses.
func (s *Server) S3(creds aws.Credentials, more ...func(*s3.Options)) *s3.Client {
	return s3.NewFromConfig(s.Config(creds), append([]func(*s3.Options){func(o *s3.Options) { o.UsePathStyle = true }}, more...)...)
}

// VirtualHosted is an option for S3 that puts the bucket in the host name.
func (s *Server) VirtualHosted(o *s3.Options) {
	u, _ := url.Parse(s.Endpoint)
	u.Host = net.JoinHostPort("localhost", u.Port())
	o.UsePathStyle = false
	o.BaseEndpoint = aws.String(u.String())
}

// IAM returns an IAM client.
func (s *Server) IAM(creds aws.Credentials) *iam.Client { return iam.NewFromConfig(s.Config(creds)) }

// STS returns an STS client.
func (s *Server) STS(creds aws.Credentials) *sts.Client { return sts.NewFromConfig(s.Config(creds)) }
