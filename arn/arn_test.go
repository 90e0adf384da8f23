package arn

import (
	"bufio"
	"errors"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func lines(t *testing.T, path string, least int) []string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var found []string
	s := bufio.NewScanner(f)
	for s.Scan() {
		if line := s.Text(); line != "" && !strings.HasPrefix(line, "#") {
			found = append(found, line)
		}
	}
	if err := s.Err(); err != nil {
		t.Fatal(err)
	}
	if len(found) < least {
		t.Fatalf("%s has %d cases, want %d or more", path, len(found), least)
	}
	return found
}

func TestParse(t *testing.T) {
	for _, s := range []string{"arn:aws:s3:::b", "arn:aws:iam::123456789012:user/a/b", "arn:aws:sns:us-east-1:1:a:b:c"} {
		a, err := Parse(s)
		if err != nil || a.String() != s || !Is(s) {
			t.Errorf("Parse(%q) = %+v, %v", s, a, err)
		}
	}
	for _, s := range []string{"", "arn", "arn:aws:s3:::", "arn:aws:s3::b", "arn::s3:::b", "arn:aws::::b", "ARN:aws:s3:::b", "*"} {
		if _, err := Parse(s); !errors.Is(err, ErrMalformed) {
			t.Errorf("Parse(%q): error %v, want ErrMalformed", s, err)
		}
	}
	if got := (ARN{}).String(); got != "" {
		t.Errorf("zero ARN = %q", got)
	}
}

func TestIsAccountID(t *testing.T) {
	for s, want := range map[string]bool{
		"123456789012": true, "700001145864652591": true, "12345678901": false, "123456789012345678901": false, "12345678901a": false, "": false,
	} {
		if IsAccountID(s) != want {
			t.Errorf("IsAccountID(%q) = %v", s, !want)
		}
	}
}

func TestWildcards(t *testing.T) {
	for _, line := range lines(t, "testdata/wildcards.txt", 50) {
		fields := strings.SplitN(line, " ", 3)
		pattern, err1 := strconv.Unquote(fields[0])
		text, err2 := strconv.Unquote(fields[1])
		if err1 != nil || err2 != nil {
			t.Fatal(line, err1, err2)
		}
		w, err := CompileWildcard(pattern, Wildcards)
		if err != nil {
			t.Fatal(err)
		}
		if got := w.Match(text, nil); strconv.FormatBool(got) != fields[2] {
			t.Errorf("%q matches %q: %v", pattern, text, got)
		}
		if w.Match(text, nil) && !strings.HasPrefix(text, w.LiteralPrefix()) {
			t.Errorf("%q matches %q without its prefix %q", pattern, text, w.LiteralPrefix())
		}
	}
}

func TestPatterns(t *testing.T) {
	for _, line := range lines(t, "testdata/patterns.txt", 30) {
		f := strings.Fields(line)
		p, err := CompilePattern(f[0], Variables)
		if (err != nil) != (f[2] == "error") {
			t.Errorf("CompilePattern(%q): %v", f[0], err)
		}
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Errorf("CompilePattern(%q): %v is not ErrMalformed", f[0], err)
			}
			continue
		}
		got := p.Match(f[1], nil)
		if strconv.FormatBool(got) != f[2] {
			t.Errorf("%q matches %q: %v", f[0], f[1], got)
		}
		if got && !strings.HasPrefix(f[1], p.LiteralPrefix()) {
			t.Errorf("%q matches %q without its prefix %q", f[0], f[1], p.LiteralPrefix())
		}
	}
}

type keys map[string]string

func (k keys) Resolve(key string) (string, bool) {
	v, ok := k[strings.ToLower(key)]
	return v, ok
}

var context = keys{"aws:username": "David", "star": "*", "question": "?", "empty": "", "colon": "a:b", "arn": "arn:aws:s3:::b", "tag/a b": "x"}

// "IAM policy elements: Variables and tags": what is substituted is data.
func TestVariables(t *testing.T) {
	for _, tt := range []struct {
		pattern, text string
		want          bool
	}{
		{"home/${aws:username}/*", "home/David/x", true},
		{"home/${AWS:UserName}/*", "home/David/x", true},
		{"home/${aws:username}/*", "home/Davidson/x", false},
		{"home/${aws:username}/*", "home/david/x", false},
		{"home/${star}/x", "home/anything/x", false},
		{"home/${star}/x", "home/*/x", true},
		{"${question}", "a", false},
		{"${question}", "?", true},
		{"a${empty}b", "ab", true},
		{"${absent}", "", false},
		{"*${absent}*", "x", false},
		{"${absent, 'x'}", "x", true},
		{"${absent,'x y'}z", "x yz", true},
		{"${aws:username, 'x'}", "David", true},
		{"${aws:username, 'x'}", "x", false},
		{"${absent, '*'}", "a", false},
		{"${absent, '}'}", "}", true},
		{"${absent, ''}", "", true},
		{"${*}", "a", false},
		{"${*}", "*", true},
		{"${?}${$}{", "?${", true},
		{"*${aws:username}*", "a David b", true},
		{"*${aws:username}?", "David David!", true},
		{"*${aws:username}", "DavidDavid", true},
		{"${tag/a b}", "x", true},
		{"$a", "$a", true},
		{"a$", "a$", true},
	} {
		w, err := CompileWildcard(tt.pattern, Wildcards|Variables)
		if err != nil {
			t.Errorf("CompileWildcard(%q): %v", tt.pattern, err)
			continue
		}
		if got := w.Match(tt.text, context); got != tt.want {
			t.Errorf("%q matches %q: %v", tt.pattern, tt.text, got)
		}
	}
	for _, bad := range []string{"${", "${}", "a${b", "${a,}", "${a, 'x}", "${a, x}", "${a, 'x'", "${a, 'x'y}", "${,'x'}", "${*, 'x'}", "${${a}}"} {
		if w, err := CompileWildcard(bad, Variables); !errors.Is(err, ErrMalformed) {
			t.Errorf("CompileWildcard(%q) = %v, %v; want ErrMalformed", bad, w.String(), err)
		}
	}
}

func TestWithoutSyntax(t *testing.T) {
	w, err := CompileWildcard("${a}*?", 0)
	if err != nil || !w.IsLiteral() || !w.Match("${a}*?", nil) || w.Match("${a}xx", nil) {
		t.Errorf("without syntax %q is not literal: %v", w.String(), err)
	}
}

func TestPatternVariables(t *testing.T) {
	for _, tt := range []struct {
		pattern, text string
		want          bool
	}{
		{"arn:aws:s3:::b/${aws:username}/*", "arn:aws:s3:::b/David/", true},
		{"arn:aws:s3:::b/${colon}", "arn:aws:s3:::b/a:b", true},
		{"arn:aws:s3:::${absent}", "arn:aws:s3:::x", false},
		{"arn:aws:iam::${aws:username, '1:2'}:x", "arn:aws:iam::David:x", true},
		{"arn:aws:iam::${colon}:x", "arn:aws:iam::a:b:x", false},
		{"arn:aws:iam::${absent, 'a:b'}:x", "arn:aws:iam::a:b:x", false},
		{"arn:aws:s3:::${arn}", "arn:aws:s3:::arn:aws:s3:::b", true},
	} {
		p, err := CompilePattern(tt.pattern, Variables)
		if err != nil {
			t.Errorf("CompilePattern(%q): %v", tt.pattern, err)
			continue
		}
		if got := p.Match(tt.text, context); got != tt.want {
			t.Errorf("%q matches %q: %v", tt.pattern, tt.text, got)
		}
	}
}

func TestMatchesService(t *testing.T) {
	for pattern, want := range map[string]bool{
		"*": true, "arn:aws:s3:::*": true, "arn:aws:s3:*:*:*": true, "arn:*:*:*:*:*": true, "arn:aws:s3:::**": true,
		"arn:aws:s3:::b": false, "arn:aws:s3:::b*": false, "arn:aws:s3:::*/*": false, "arn:aws:iam:::*": false, "arn:aws:s3:us-east-1::*": false,
	} {
		p, err := CompilePattern(pattern, 0)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.MatchesService("s3"); got != want {
			t.Errorf("%q matches all of s3: %v", pattern, got)
		}
	}
}

func TestFoldCase(t *testing.T) {
	for _, tt := range []struct {
		pattern, text string
		want          bool
	}{
		{"S3:GET*", "s3:GetObject", true}, {"s3:*object", "s3:GetObject", true}, {"s3:*BUCKET*", "s3:ListBucketVersions", true},
		{"s3:get?bject", "S3:GETOBJECT", true}, {"s3:\u212a", "s3:k", false}, {"s3:Get", "s3:GetObject", false},
	} {
		w, err := CompileWildcard(tt.pattern, Wildcards|FoldCase)
		if err != nil {
			t.Fatal(err)
		}
		if got := w.Match(tt.text, nil); got != tt.want {
			t.Errorf("%q matches %q: %v", tt.pattern, tt.text, got)
		}
	}
}

// The matcher agrees with a regular expression of the same meaning.
func TestMatchesAsRegexp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pattern := rapid.StringOfN(rapid.SampledFrom([]rune("ab*?é")), 0, 12, -1).Draw(t, "pattern")
		texts := rapid.SliceOfN(rapid.StringOfN(rapid.SampledFrom([]rune("abé")), 0, 14, -1), 30, 30).Draw(t, "texts")
		expression := regexp.QuoteMeta(pattern)
		expression = strings.ReplaceAll(strings.ReplaceAll(expression, `\*`, "(?s:.*)"), `\?`, "(?s:.)")
		meaning := regexp.MustCompile("^" + expression + "$")
		w, err := CompileWildcard(pattern, Wildcards)
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range texts {
			if got := w.Match(text, nil); got != meaning.MatchString(text) {
				t.Fatalf("%q matches %q: %v", pattern, text, got)
			}
		}
	})
}

// Pieces between stars are found where a regular expression finds them, in
// texts longer than a word of places, of characters of all lengths and of
// bytes that are none, and with variables; also when one text is searched for
// several patterns.
func TestSearchesAsRegexp(t *testing.T) {
	parts := []string{"a", "b", "B", "ab", "é", "aé", "\xff", "€", "😀"}
	const head = "arn:aws:s3:::"
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOfN(rapid.SampledFrom(parts), 0, 150).Draw(t, "text"), "")
		values := keys{"x": rapid.SampledFrom(parts).Draw(t, "x"), "y": rapid.SampledFrom(parts).Draw(t, "y") + "a"}
		valid := utf8.ValidString(text + values["x"] + values["y"])
		var shared, inARN Text
		shared.Set(text)
		inARN.Set(head + text)
		for range 4 {
			pattern, meaning := drawPieces(t, values)
			expression := regexp.MustCompile("^" + meaning + "$")
			w, err := CompileWildcard(pattern, Wildcards|Variables)
			if err != nil {
				t.Fatal(err)
			}
			p, err := CompilePattern(head+pattern, Variables)
			if err != nil {
				t.Fatal(err)
			}
			want := expression.MatchString(text)
			if got := w.Match(text, values); got != want {
				t.Fatalf("%q matches %q: %v", pattern, text, got)
			}
			if got := w.MatchText(&shared, values); got != want {
				t.Fatalf("%q matches %q among others: %v", pattern, text, got)
			}
			if got := p.MatchText(&inARN, values); got != want {
				t.Fatalf("%q matches %q in an ARN: %v", pattern, text, got)
			}
			folded, err := CompileWildcard(pattern, Wildcards|Variables|FoldCase)
			if err != nil {
				t.Fatal(err)
			}
			if got := folded.Match(text, values); valid && got != regexp.MustCompile("(?i)^"+meaning+"$").MatchString(text) {
				t.Fatalf("%q matches %q in any case: %v", pattern, text, got)
			}
		}
	})
}

// Long values of variables are looked for once in a text, whichever pieces of
// whichever patterns they stand in, and found where a regular expression finds
// them.
func TestLongValuesAsRegexp(t *testing.T) {
	kept := 0
	rapid.Check(t, func(t *rapid.T) {
		text := ""
		for _, part := range rapid.SliceOfN(rapid.SampledFrom([]string{"a", "ab", "é", "b"}), 1, 4).Draw(t, "parts") {
			text += strings.Repeat(part, rapid.SampledFrom([]int{1, 7, 300, 1200}).Draw(t, "times"))
		}
		cut := func(name string) string {
			from := rapid.IntRange(0, len(text)).Draw(t, name+" from")
			return text[from:min(len(text), from+rapid.SampledFrom([]int{0, 3, 300, 400, 700, 1000}).Draw(t, name+" length"))]
		}
		values := keys{"x": strings.ToValidUTF8(cut("x"), ""), "y": strings.ToValidUTF8(cut("y"), "")}
		var shared Text
		shared.Set(text)
		for range 6 {
			pattern, meaning := drawPieces(t, values)
			w, err := CompileWildcard(pattern, Wildcards|Variables)
			if err != nil {
				t.Fatal(err)
			}
			want := regexp.MustCompile("^" + meaning + "$").MatchString(text)
			if got := w.MatchText(&shared, values); got != want {
				t.Fatalf("%q matches a text of %d bytes, with x of %d and y of %d: %v", pattern, len(text), len(values["x"]), len(values["y"]), got)
			}
		}
		if shared.values[0] != "" {
			kept++
		}
	})
	if kept < 3 {
		t.Errorf("long values were looked for in %d texts, want 3 or more", kept)
	}
}

// drawPieces returns a pattern that begins and ends with a star, and the
// regular expression that means the same.
func drawPieces(t *rapid.T, values keys) (pattern, meaning string) {
	for _, p := range rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "é", "ab", "?", "?", "*", "${x}", "${y}", "${absent, ''}"}), 0, 9).Draw(t, "pattern") {
		pattern += p
		switch p {
		case "?":
			meaning += "(?s:.)"
		case "*":
			meaning += "(?s:.*)"
		case "${x}", "${y}":
			meaning += quoteBytes(values[p[2:3]])
		case "${absent, ''}":
		default:
			meaning += quoteBytes(p)
		}
	}
	return "*" + pattern + "*", "(?s:.*)" + meaning + "(?s:.*)"
}

// quoteBytes quotes a text for a regular expression. A byte that is no
// character is there what no other text has: the replacement character.
func quoteBytes(s string) string { return regexp.QuoteMeta(strings.ToValidUTF8(s, "\uFFFD")) }

// plainMatch is a second matcher: it tries every length for every star, and
// remembers what it tried. A pattern without variables means what it says.
func plainMatch(pattern, text []rune) bool {
	tried := map[[2]int]bool{}
	var match func(i, j int) bool
	match = func(i, j int) bool {
		at := [2]int{i, j}
		if tried[at] {
			return false
		}
		tried[at] = true
		switch {
		case i == len(pattern):
			return j == len(text)
		case pattern[i] == '*':
			return match(i+1, j) || j < len(text) && match(i, j+1)
		case j == len(text):
			return false
		}
		return (pattern[i] == '?' || pattern[i] == text[j]) && match(i+1, j+1)
	}
	return match(0, 0)
}

// Both read a pattern alike; a variable matches its value as data.
func FuzzWildcard(f *testing.F) {
	f.Add("home/${aws:username, 'x'}/*?", "home/David/ab")
	f.Add("*a*a*a", "aaaaaaaa")
	f.Add("${*}${$", "\xff")
	f.Add("*a?c*é??", "xxaéc\u65e5éab")
	f.Fuzz(func(t *testing.T, pattern, text string) {
		w, err := CompileWildcard(pattern, Wildcards|Variables)
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Fatal(err)
			}
			return
		}
		if w.Match(text, context) && !strings.HasPrefix(text, w.LiteralPrefix()) {
			t.Fatalf("%q matches %q without its prefix", pattern, text)
		}
		plain, err := CompileWildcard(pattern, 0)
		if err != nil || !plain.Match(pattern, nil) {
			t.Fatalf("%q does not match itself as plain text", pattern)
		}
		if len(pattern)*len(text) > 1<<12 || !utf8.ValidString(pattern) || !utf8.ValidString(text) {
			return
		}
		var shared Text
		shared.Set(text)
		starred, err := CompileWildcard(pattern, Wildcards)
		if want := plainMatch([]rune(pattern), []rune(text)); err != nil || starred.Match(text, nil) != want || starred.MatchText(&shared, nil) != want {
			t.Fatalf("%q matches %q: want %v", pattern, text, want)
		}
		folded, err := CompileWildcard(pattern, Wildcards|FoldCase)
		if want := plainMatch([]rune(ToLower(pattern)), []rune(ToLower(text))); err != nil || folded.Match(text, nil) != want {
			t.Fatalf("%q matches %q in any case: want %v", pattern, text, want)
		}
		if value, ok := w.Expand(context); ok && !strings.ContainsAny(value, "*?") {
			if want := value == text; w.Match(text, context) != want {
				t.Fatalf("%q, which is %q, matches %q: want %v", pattern, value, text, want)
			}
		}
	})
}

// A pattern of ARNs is six patterns, of which five know no colon.
func FuzzPattern(f *testing.F) {
	f.Add("arn:aws:s3:::b/*", "arn:aws:s3:::b/x")
	f.Add("arn:*:*:*:*:${aws:username}", "arn:aws:s3:::David")
	f.Add("arn:aws:s3:*:*:*:*", "arn:aws:s3:a:b:c:d")
	f.Add("*", "")
	f.Fuzz(func(t *testing.T, pattern, text string) {
		p, err := CompilePattern(pattern, Variables)
		if err != nil {
			return
		}
		if p.Match(text, context) && !strings.HasPrefix(text, p.LiteralPrefix()) {
			t.Fatalf("%q matches %q without its prefix", pattern, text)
		}
		if p, err = CompilePattern(pattern, 0); err != nil || len(pattern)*len(text) > 1<<12 || !utf8.ValidString(pattern) || !utf8.ValidString(text) {
			return
		}
		fields, values := strings.SplitN(pattern, ":", 6), strings.SplitN(text, ":", 6)
		want := len(values) == 6
		for i := 0; want && i < 6; i++ {
			want = plainMatch([]rune(fields[i]), []rune(values[i]))
		}
		// Stars alone are everything, whatever the text is.
		if want = want || strings.Trim(pattern, "*") == ""; p.Match(text, nil) != want {
			t.Fatalf("%q matches %q: want %v", pattern, text, want)
		}
	})
}

// A pattern of many stars costs no more than the text is long.
func BenchmarkManyStars(b *testing.B) {
	text := strings.Repeat("a", 40000)
	for name, pattern := range map[string]string{
		"match": strings.Repeat("*a", 10), "mismatch": strings.Repeat("*a", 10) + "b", "floating": strings.Repeat("*a", 10) + "*b*",
	} {
		w, err := CompileWildcard(pattern, Wildcards)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				w.Match(text, nil)
			}
		})
	}
}

func BenchmarkPattern(b *testing.B) {
	p, err := CompilePattern("arn:aws:s3:::my-company/home/${aws:username}/*", Variables)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		p.Match("arn:aws:s3:::my-company/home/David/report.pdf", context)
	}
}
