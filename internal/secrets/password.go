package secrets

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

// PasswordCost is how much work it takes to try a password: Argon2id with one
// lane. The zero value is what OWASP's "Password Storage Cheat Sheet" asks for
// at least: 19 MiB and 2 passes.
type PasswordCost struct {
	Memory uint32 // KiB
	Passes uint32
}

const (
	defaultPasswordMemory = 19 << 10
	defaultPasswordPasses = 2

	passwordLanes = 1
	saltLength    = 16
	hashLength    = 32
)

// HashPassword returns a salted hash of a password, with all that VerifyPassword
// needs to know of how it was made, in the format of the Password Hashing
// Competition: $argon2id$v=19$m=19456,t=2,p=1$SALT$HASH.
func HashPassword(password string, cost PasswordCost) string {
	if cost.Memory == 0 {
		cost.Memory = defaultPasswordMemory
	}
	if cost.Passes == 0 {
		cost.Passes = defaultPasswordPasses
	}
	salt := make([]byte, saltLength)
	rand.Read(salt)
	hash := argon2.IDKey([]byte(password), salt, cost.Passes, cost.Memory, passwordLanes, hashLength)
	encode := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, cost.Memory, cost.Passes, passwordLanes, encode(salt), encode(hash))
}

// VerifyPassword reports whether a hash is that of a password. A hash that
// HashPassword cannot have made is that of none.
func VerifyPassword(hash, password string) bool {
	part := strings.Split(hash, "$")
	if len(part) != 6 || part[0] != "" || part[1] != "argon2id" || part[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return false
	}
	var cost PasswordCost
	var lanes uint8
	if n, err := fmt.Sscanf(part[3], "m=%d,t=%d,p=%d", &cost.Memory, &cost.Passes, &lanes); n != 3 || err != nil || cost.Passes == 0 || lanes == 0 {
		return false
	}
	salt, err := base64.RawStdEncoding.DecodeString(part[4])
	if err != nil {
		return false
	}
	want, err := base64.RawStdEncoding.DecodeString(part[5])
	if err != nil || len(want) != hashLength {
		return false
	}
	got := argon2.IDKey([]byte(password), salt, cost.Passes, cost.Memory, lanes, hashLength)
	return subtle.ConstantTimeCompare(got, want) == 1
}
