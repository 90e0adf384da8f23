package secrets

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base32"

	"github.com/pquerna/otp/hotp"
)

// OneTimePeriod is how many seconds a one-time code stands ("TOTP", RFC 6238).
const OneTimePeriod = 30

// NewOneTimeSeed returns the seed of a new device for one-time codes, in base32.
func NewOneTimeSeed() string {
	seed := make([]byte, 40)
	rand.Read(seed)
	return base32.StdEncoding.EncodeToString(seed)
}

// OneTimeCode returns the code of six digits that a seed has at a step, which is a
// number of periods since 1970. It fails for a seed that is not base32.
func OneTimeCode(seed string, step int64) (string, error) {
	return hotp.GenerateCode(seed, uint64(max(step, 0)))
}

// IsOneTimeCode reports whether a code is the one that a seed has at a step.
func IsOneTimeCode(seed string, step int64, code string) bool {
	want, err := OneTimeCode(seed, step)
	return err == nil && step >= 0 && subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1
}
