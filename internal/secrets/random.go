package secrets

import (
	"crypto/rand"
	"encoding/base64"
)

// NewID returns prefix and 17 random characters of A-Z and 2-7, the form of
// AWS's unique ids such as AIDA... ("IAM identifiers", IAM User Guide).
func NewID(prefix string) string { return prefix + rand.Text()[:17] }

// NewAccessKeyID returns prefix, AKIA or ASIA, and 16 random characters of A-Z
// and 2-7.
func NewAccessKeyID(prefix string) string { return prefix + rand.Text()[:16] }

// NewSecretAccessKey returns 40 random characters of the base64 alphabet: 240
// bits.
func NewSecretAccessKey() string {
	var b [30]byte
	rand.Read(b[:]) // never fails: see package crypto/rand
	return base64.StdEncoding.EncodeToString(b[:])
}
