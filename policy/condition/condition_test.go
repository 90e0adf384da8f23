package condition

import (
	"bufio"
	"encoding/json"
	"errors"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestConditions(t *testing.T) {
	f, err := os.Open("testdata/conditions.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	cases := 0
	for lines, n := bufio.NewScanner(f), 1; lines.Scan(); n++ {
		if line := lines.Text(); line != "" && !strings.HasPrefix(line, "#") {
			cases++
			check(t, n, strings.Fields(line))
		}
	}
	if cases < 200 {
		t.Errorf("%d cases, want 200 or more", cases)
	}
}

func check(t *testing.T, n int, f []string) {
	t.Helper()
	operator, old := strings.CutPrefix(f[1], "2008:")
	var values []string
	if err := json.Unmarshal([]byte(strings.ReplaceAll(f[3], ",_'", ", '")), &values); err != nil {
		t.Fatalf("line %d: %v", n, err)
	}
	c, err := Compile(operator, f[2], values, !old)
	if (err != nil) != (f[0] == "error") {
		t.Errorf("line %d: Compile: %v", n, err)
	}
	if err != nil {
		if e := (*Error)(nil); !errors.As(err, &e) || e.Operator != operator {
			t.Errorf("line %d: %v is not an Error of the operator", n, err)
		}
		return
	}
	if got := c.Match(contextOf(t, f[4:])); strconv.FormatBool(got) != f[0] {
		t.Errorf("line %d: %s: %v", n, strings.Join(f, " "), got)
	}
}

func contextOf(t *testing.T, words []string) *Context {
	t.Helper()
	c := &Context{}
	for _, w := range words {
		key, v, _ := strings.Cut(w, "=")
		name, kind := key, ""
		for _, k := range []string{":int", ":bool", ":time", ":ip"} {
			if rest, ok := strings.CutSuffix(key, k); ok {
				name, kind = rest, k
			}
		}
		var err error
		switch kind {
		case ":int":
			var n int64
			n, err = strconv.ParseInt(v, 10, 64)
			c.SetInt(name, n)
		case ":bool":
			c.SetBool(name, v == "true")
		case ":time":
			var at time.Time
			at, err = time.Parse(time.RFC3339, v)
			c.SetTime(name, at)
		case ":ip":
			var a netip.Addr
			a, err = netip.ParseAddr(v)
			c.SetIP(name, a)
		default:
			if v == "[]" {
				c.SetStrings(name, nil)
			} else if strings.HasPrefix(v, "[") {
				c.SetStrings(name, strings.Split(strings.Trim(v, "[]"), ","))
			} else {
				c.SetString(name, v)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return c
}

func text(c *Context, key string) string {
	v, ok := c.Lookup(key)
	if !ok {
		return "absent"
	}
	return strings.Join(v.Strings(), ",")
}

func TestContext(t *testing.T) {
	var zero Context
	if got := text(&zero, "k"); got != "absent" {
		t.Errorf("a key of the zero Context is %q", got)
	}
	if _, ok := (*Context)(nil).Lookup("k"); ok {
		t.Error("a key of a nil Context is present")
	}
	c := &Context{}
	c.SetString("aws:PrincipalTag/Team", "a")
	c.SetString("AWS:principaltag/TEAM", "b")
	if got := text(c, "aws:principalTag/team"); got != "b" {
		t.Errorf("a key set twice is %q", got)
	}
	if len(c.Keys()) != 1 {
		t.Errorf("keys are %v", c.Keys())
	}
	c.SetStrings("set", nil)
	if v, ok := c.Lookup("set"); !ok || v.Kind() != Strings || len(v.Strings()) != 0 {
		t.Errorf("an empty set: %v, %v", v, ok)
	}
	c.SetString("empty", "")
	if v, ok := c.Lookup("empty"); !ok || !slices.Equal(v.Strings(), []string{""}) {
		t.Errorf("an empty string: %v, %v", v, ok)
	}
}

func TestLayers(t *testing.T) {
	base, top := &Context{}, &Context{}
	base.SetString("a", "base")
	base.SetString("b", "base")
	base.SetString("c", "base")
	top.SetString("a", "top")
	top.Delete("c")
	top.Over(base)
	if got := text(top, "a") + text(top, "b") + text(top, "c"); got != "topbaseabsent" {
		t.Errorf("a, b and c are %s", got)
	}
	clone := top.Clone()
	clone.SetString("a", "clone")
	clone.SetString("d", "clone")
	if got := text(top, "a") + text(top, "d") + text(clone, "a") + text(clone, "b"); got != "topabsentclonebase" {
		t.Errorf("after cloning: %s", got)
	}
	top.Reset()
	if got := text(top, "a") + text(top, "b"); got != "absentabsent" {
		t.Errorf("after Reset: %s", got)
	}
	if got := text(base, "a"); got != "base" {
		t.Errorf("the layer below became %s", got)
	}
}

// A costly key is asked for once, by whichever layer first looks it up.
func TestSetFunc(t *testing.T) {
	calls := 0
	base := &Context{}
	base.SetFunc("tag", func() ([]string, bool) { calls++; return []string{"x"}, true })
	base.SetFunc("none", func() ([]string, bool) { calls++; return nil, false })
	base.SetFunc("many", func() ([]string, bool) { calls++; return []string{"a", "b"}, true })
	for range 3 {
		top := &Context{}
		top.Over(base)
		if got := text(top, "TAG") + text(top, "none") + text(top, "many"); got != "xabsenta,b" {
			t.Errorf("keys are %s", got)
		}
		if v, ok := top.Resolve("tag"); !ok || v != "x" {
			t.Errorf("Resolve = %q, %v", v, ok)
		}
		top.SetString("empty", "")
		if _, ok := top.Resolve("empty"); ok {
			t.Error("Resolve gives an empty value")
		}
		if _, ok := top.Resolve("many"); ok {
			t.Error("a multivalued key resolves")
		}
	}
	if calls != 3 {
		t.Errorf("%d calls, want 3", calls)
	}
}

func TestNoAllocation(t *testing.T) {
	c := contextOf(t, []string{"aws:username=David", "s3:prefix=home/David/x", "set=[a,b,c]", "n:int=5", "at:time=2026-01-01T00:00:00Z", "ip:ip=10.0.0.1"})
	for _, of := range []struct{ operator, key, value string }{
		{"StringLike", "s3:prefix", "home/${aws:username}/*"}, {"StringEqualsIgnoreCase", "aws:username", "DAVID"},
		{"ForAnyValue:StringEquals", "set", "c"}, {"NumericLessThan", "n", "6"}, {"DateLessThan", "at", "2027-01-01"},
		{"IpAddress", "ip", "10.0.0.0/8"}, {"Null", "absent", "true"},
	} {
		cond, err := Compile(of.operator, of.key, []string{of.value}, true)
		if err != nil {
			t.Fatal(err)
		}
		if !cond.Match(c) {
			t.Errorf("%s does not match", of.operator)
		}
		if n := testing.AllocsPerRun(10, func() { cond.Match(c) }); n != 0 {
			t.Errorf("%s allocates %v times", of.operator, n)
		}
	}
}

func FuzzCompile(f *testing.F) {
	f.Add("ForAnyValue:StringLikeIfExists", "k", "${a, 'b'}*", "x")
	f.Add("DateEquals", "k", "2026-01-01T00:00", "1700000000")
	f.Add("IpAddress", "k", "::ffff:1.2.3.4/100", "1.2.3.4")
	f.Fuzz(func(t *testing.T, operator, key, value, have string) {
		c, err := Compile(operator, key, []string{value}, true)
		if err != nil {
			return
		}
		ctx := &Context{}
		absent := c.Match(ctx)
		ctx.SetString(key, have)
		present := c.Match(ctx)
		if c.Operator().Name == "Null" && absent == present {
			t.Fatalf("Null %q is %v with and without the key", value, absent)
		}
		if c.Operator().IfExists && !absent {
			t.Fatalf("%s fails on an absent key", operator)
		}
	})
}
