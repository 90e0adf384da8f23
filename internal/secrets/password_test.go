package secrets_test

import (
	"strings"
	"testing"

	"github.com/keywright/keywright/internal/secrets"
)

var cheap = secrets.PasswordCost{Memory: 8, Passes: 1}

func TestPasswords(t *testing.T) {
	long := strings.Repeat("ü", 128)
	for _, password := range []string{"", "a", "correct horse", long, long[:100], "\x00"} {
		hash := secrets.HashPassword(password, cheap)
		if !secrets.VerifyPassword(hash, password) {
			t.Errorf("the hash of %q is not its own", password)
		}
		if again := secrets.HashPassword(password, cheap); again == hash {
			t.Errorf("%q has one hash only: there is no salt", password)
		}
		if password != "" && strings.Contains(hash, password) && len(password) > 1 {
			t.Errorf("%q is in its hash", password)
		}
		for _, other := range []string{password + " ", "A", long[:99], password + "\x00"} {
			if other != password && secrets.VerifyPassword(hash, other) {
				t.Errorf("%q passes for %q", other, password)
			}
		}
	}
}

// TestPasswordVersion1 verifies a hash that was made long ago: the format never
// changes. It is the one of the reference implementation's test for these
// parameters, whose hash has 32 bytes.
func TestPasswordVersion1(t *testing.T) {
	const hash = "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"
	if !secrets.VerifyPassword(hash, "password") || secrets.VerifyPassword(hash, "Password") {
		t.Error("a known hash does not verify")
	}
}

func TestPasswordDefaultCost(t *testing.T) {
	if hash := secrets.HashPassword("p", secrets.PasswordCost{}); !strings.HasPrefix(hash, "$argon2id$v=19$m=19456,t=2,p=1$") || !secrets.VerifyPassword(hash, "p") {
		t.Errorf("without a cost the hash is %s", hash)
	}
}

func TestMalformedPasswordHashes(t *testing.T) {
	hash := secrets.HashPassword("p", cheap)
	for _, bad := range []string{
		"", "$", "p", strings.Repeat("$", 5), hash + "$", hash[1:], hash[:len(hash)-1], hash[:len(hash)-10],
		strings.Replace(hash, "argon2id", "argon2i", 1), strings.Replace(hash, "v=19", "v=16", 1), strings.Replace(hash, "t=1", "t=0", 1),
		strings.Replace(hash, "p=1", "p=0", 1), strings.Replace(hash, "m=8", "m=x", 1), strings.Replace(hash, "m=8", "m=-8", 1), hash[:strings.LastIndexByte(hash, '$')+1],
	} {
		if secrets.VerifyPassword(bad, "p") || secrets.VerifyPassword(bad, "") {
			t.Errorf("%q verifies", bad)
		}
	}
}
