package policy

import (
	"fmt"
	"strings"
	"testing"
)

func (l Location) text(source string) string { return source[l.Start.Offset:l.End.Offset] }

func (l Location) path() string {
	var b strings.Builder
	for _, s := range l.Path {
		if s.IsIndex {
			fmt.Fprintf(&b, "[%d]", s.Index)
		} else {
			b.WriteString("." + s.Name)
		}
	}
	return b.String()
}

func TestLocate(t *testing.T) {
	d, err := Parse([]byte(full))
	if err != nil {
		t.Fatal(err)
	}
	s := d.Statements
	for _, tt := range []struct {
		at     Position
		path   string
		isName bool
		text   string
		end    string
	}{
		{Position{0, 1, 1}, "", false, strings.TrimSpace(full), "10:2"},
		{d.Version.Position, ".Version", false, `"2012-10-17"`, "2:26"},
		{s[0].Sid.Position, ".Statement[0].Sid", false, `"é"`, "5:16"},
		{s[0].EffectPosition, ".Statement[0].Effect", false, `"Allow"`, "5:35"},
		{s[0].Principal.Position, ".Statement[0].Principal", true, `"Principal"`, "5:48"},
		{s[0].Principal.List[1].Value.Position, ".Statement[0].Principal.AWS[1]", false, `"111111111111"`, ""},
		{s[0].Condition[0].Name.Position, ".Statement[0].Condition.NumericLessThan", true, `"NumericLessThan"`, ""},
		{s[0].Condition[0].Keys[0].Values.List[0].Position, ".Statement[0].Condition.NumericLessThan.n[0]", false, `1.50`, ""},
		{s[0].Condition[1].Keys[0].Values.List[0].Position, ".Statement[0].Condition.Bool.b", false, `true`, ""},
		{s[1].NotPrincipal.Any.Position, ".Statement[1].NotPrincipal", false, `"*"`, ""},
		{s[1].NotAction.List[0].Position, ".Statement[1].NotAction[0]", false, `"a:b"`, ""},
		{s[1].NotResource.List[0].Position, ".Statement[1].NotResource", false, `"\u0041\/\ud83d\ude00"`, ""},
	} {
		l, ok := d.Locate(tt.at.Offset)
		if !ok || l.path() != tt.path || l.IsName != tt.isName || l.Start != tt.at || l.text(full) != tt.text || tt.end != "" && l.End.String() != tt.end {
			t.Errorf("%s: %s %v %q to %s, %v", tt.at, l.path(), l.IsName, l.text(full), l.End, ok)
		}
	}
	for _, offset := range []int{-1, 1, d.Version.Position.Offset + 1, len(full), len(full) + 9} {
		if l, ok := d.Locate(offset); ok {
			t.Errorf("%d is at %s", offset, l.path())
		}
	}
}
