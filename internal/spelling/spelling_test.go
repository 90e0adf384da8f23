package spelling

import (
	"strings"
	"testing"
)

func TestNearest(t *testing.T) {
	candidates := []string{"identity", "boundary", "session", "context", "s3:GetObject", "s3:GetObjectAcl", "s3:PutObject"}
	for word, want := range map[string]string{
		"identiy":       "identity",
		"Identity":      "identity",
		"sesions":       "session",
		"ocntext":       "context",
		"s3:GetObjct":   "s3:GetObject",
		"s3:getobject":  "s3:GetObject",
		"s3:HeadObject": "s3:GetObject",
		"xyz":           "",
		"":              "",

		strings.Repeat("x", 1000): "",
	} {
		if got := Nearest(word, candidates); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", word, got, want)
		}
	}
}

func FuzzNearest(f *testing.F) {
	f.Add("abc", "acb")
	f.Add("", "x")
	f.Fuzz(func(t *testing.T, a, b string) {
		limit := len(a) + len(b) + 1
		there, back := distance(a, b, limit), distance(b, a, limit)
		if there != back {
			t.Fatalf("%q and %q: %d there, %d back", a, b, there, back)
		}
		if (there == 0) != (a == b) && len(a) <= maxLength && len(b) <= maxLength {
			t.Fatalf("%q and %q: %d", a, b, there)
		}
	})
}
