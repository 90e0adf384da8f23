package secrets_test

import (
	"encoding/base32"
	"testing"

	"github.com/keywright/keywright/internal/secrets"
)

// TestOneTimeCodes has the codes of RFC 6238, appendix B, of which six digits
// are used.
func TestOneTimeCodes(t *testing.T) {
	seed := base32.StdEncoding.EncodeToString([]byte("12345678901234567890"))
	for seconds, code := range map[int64]string{59: "287082", 1111111109: "081804", 1111111111: "050471", 1234567890: "005924", 2000000000: "279037"} {
		step := seconds / secrets.OneTimePeriod
		if !secrets.IsOneTimeCode(seed, step, code) {
			t.Errorf("%s is not the code at %d", code, seconds)
		}
		for _, wrong := range []string{"", code[1:], code + "0", "000000"} {
			if secrets.IsOneTimeCode(seed, step, wrong) {
				t.Errorf("%q is the code at %d", wrong, seconds)
			}
		}
		if secrets.IsOneTimeCode(seed, step+1, code) || secrets.IsOneTimeCode(seed, -1, code) {
			t.Errorf("%s is a code at another time", code)
		}
	}
}

func TestOneTimeSeeds(t *testing.T) {
	a, b := secrets.NewOneTimeSeed(), secrets.NewOneTimeSeed()
	if raw, err := base32.StdEncoding.DecodeString(a); err != nil || len(raw) != 40 || a == b {
		t.Errorf("seeds %d bytes, %v, twice the same: %v", len(raw), err, a == b)
	}
}
