package server

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// writeCertificate makes a certificate of 127.0.0.1 with the given serial number.
func writeCertificate(t *testing.T, certFile, keyFile string, serial int64) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: der}, keyFile: {Type: "EC PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTLS(t *testing.T) {
	folder := t.TempDir()
	c := Config{TLSCert: filepath.Join(folder, "cert.pem"), TLSKey: filepath.Join(folder, "key.pem")}
	if e := fails(t, c); !strings.Contains(e.Problem, "cert.pem") {
		t.Errorf("%v", e)
	}
	writeCertificate(t, c.TLSCert, c.TLSKey, 1)
	r := start(t, c)
	if !strings.HasPrefix(r.Endpoint(), "https://127.0.0.1:") {
		t.Errorf("endpoint %s", r.Endpoint())
	}
	serves := func(serial int64) {
		t.Helper()
		conn, err := tls.Dial("tcp", r.address(), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2", "http/1.1"}})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		state := conn.ConnectionState()
		if got := state.PeerCertificates[0].SerialNumber.Int64(); got != serial {
			t.Errorf("serves certificate %d, want %d", got, serial)
		}
		if state.NegotiatedProtocol != "http/1.1" {
			t.Errorf("speaks %s", state.NegotiatedProtocol)
		}
	}
	serves(1)
	writeCertificate(t, c.TLSCert, c.TLSKey, 2)
	if err := r.ReloadCertificate(); err != nil {
		t.Fatal(err)
	}
	serves(2)
	if err := os.WriteFile(c.TLSKey, []byte("garbage"), 0o600); err != nil {
		t.Fatal(err)
	}
	problem(t, r.ReloadCertificate())
	serves(2)

	if conn, err := tls.Dial("tcp", r.address(), &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS11}); err == nil {
		conn.Close()
		t.Error("speaks TLS 1.1")
	}
}
