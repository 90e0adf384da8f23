package server

import (
	"crypto/tls"
	"sync/atomic"
)

// certificate is a certificate that can be read anew while it is served.
type certificate struct {
	certFile, keyFile string
	current           atomic.Pointer[tls.Certificate]
}

func openCertificate(certFile, keyFile string) (*certificate, error) {
	c := &certificate{certFile: certFile, keyFile: keyFile}
	return c, c.reload()
}

// reload reads the files. When they cannot be used, the certificate that was
// read before stays.
func (c *certificate) reload() error {
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return &Error{Problem: "cannot use the TLS certificate " + c.certFile + " with the key " + c.keyFile, Err: err,
			Hint: "both are PEM files, and the key is that of the first certificate in its file"}
	}
	c.current.Store(&pair)
	return nil
}

func (c *certificate) config() *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		NextProtos:     []string{"http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.current.Load(), nil },
	}
}
