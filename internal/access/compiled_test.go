package access

import (
	"fmt"
	"strings"
	"sync"
	"testing"
)

func policyText(n, size int) string {
	text := fmt.Sprintf(`{"Version":"2012-10-17","Statement":{"Sid":"s%d","Effect":"Allow","Action":"s3:*","Resource":"*"}}`, n)
	return text + strings.Repeat(" ", size-len(text))
}

// What is remembered is the same policy, the longest unused is forgotten, and
// no more is kept than there is room for.
func TestCompiledPoliciesAreBounded(t *testing.T) {
	var c compiledPolicies
	const size = 1024
	get := func(n int) any {
		t.Helper()
		p, err := c.get(policyText(n, size))
		if err != nil {
			t.Fatal(err)
		}
		if want := fmt.Sprintf("s%d", n); p.Document().Statements[0].Sid.Text != want {
			t.Fatalf("policy %d is that of %s", n, p.Document().Statements[0].Sid.Text)
		}
		return p
	}
	first, second := get(1), get(2)
	for n := 3; n <= maxCompiled/size; n++ {
		get(n)
	}
	if get(1) != first {
		t.Error("the first policy is forgotten while there is room")
	}
	get(maxCompiled/size + 1)
	if get(1) != first {
		t.Error("a policy that was just used is forgotten")
	}
	if get(2) == second {
		t.Error("the longest unused is not forgotten")
	}
	if c.size > maxCompiled || c.size != len(c.byText)*size || c.recent.Len() != len(c.byText) {
		t.Errorf("%d bytes, %d texts, %d in order", c.size, len(c.byText), c.recent.Len())
	}
	if _, err := c.get(policyText(0, maxCompiled+1)); err != nil || c.size > maxCompiled {
		t.Errorf("a text larger than the room: %v, %d bytes", err, c.size)
	}
}

func TestCompiledPoliciesForgetErrors(t *testing.T) {
	var c compiledPolicies
	for _, text := range []string{"", "{}", `{"Statement":{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}}`} {
		for range 2 {
			if p, err := c.get(text); err == nil || p != nil {
				t.Errorf("%q: %v, %v", text, p, err)
			}
		}
	}
	if c.size != 0 || len(c.byText) != 0 {
		t.Errorf("%d bytes, %d texts", c.size, len(c.byText))
	}
}

func TestCompiledPoliciesAtOnce(t *testing.T) {
	var c compiledPolicies
	var group sync.WaitGroup
	for g := range 4 {
		group.Go(func() {
			for n := range 300 {
				text := policyText((n+g*7)%50, 8192)
				if p, err := c.get(text); err != nil || string(p.Document().Bytes()) != text {
					t.Errorf("%v: another policy", err)
				}
			}
		})
	}
	group.Wait()
	if c.size > maxCompiled || c.recent.Len() != len(c.byText) {
		t.Errorf("%d bytes, %d texts, %d in order", c.size, len(c.byText), c.recent.Len())
	}
}
