package lint

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/keywright/keywright/policy"
	"github.com/keywright/keywright/policy/edit"
	"github.com/keywright/keywright/policy/eval"
)

func TestRefusals(t *testing.T) {
	for _, of := range []struct {
		file    string
		kind    Kind
		opts    Options
		message func(Finding) string
		least   int
	}{
		{"bucket", Bucket, Options{Bucket: "b"}, S3Message, 50},
		{"managed", Identity, Options{Managed: true}, IAMMessage, 35},
		{"managed", Session, Options{Managed: true}, IAMMessage, 35},
		{"managed", PermissionsBoundary, Options{Managed: true}, IAMMessage, 35},
		{"managed", ServiceControl, Options{Managed: true}, IAMMessage, 35},
		{"inline", Identity, Options{}, IAMMessage, 3},
		{"trust", Trust, Options{}, IAMMessage, 14},
	} {
		t.Run(fmt.Sprintf("%s/%s", of.file, of.kind), func(t *testing.T) {
			text, err := os.ReadFile("testdata/" + of.file + ".txt")
			if err != nil {
				t.Fatal(err)
			}
			var lines []string
			for line := range strings.Lines(string(text)) {
				if !strings.HasPrefix(line, "#") {
					lines = append(lines, strings.TrimSuffix(line, "\n"))
				}
			}
			if len(lines) < 2*of.least || len(lines)%2 != 0 {
				t.Fatalf("%d lines, want %d or more, in pairs", len(lines), 2*of.least)
			}
			for i := 0; i < len(lines); i += 2 {
				doc, findings := Parse([]byte(lines[i+1]), of.kind, of.opts)
				got := "accepted"
				if len(findings) > 0 {
					f := findings[0]
					got = fmt.Sprintf("%s %s %s", f.Code, f.Position, of.message(f))
					if f.Severity != Error || f.Message == "" || f.Kind != of.kind {
						t.Errorf("finding %+v", f)
					}
				}
				if got != lines[i] {
					t.Errorf("%s\n got %s\nwant %s", lines[i+1], got, lines[i])
				}
				if got == "accepted" {
					if _, err := eval.Compile(doc, eval.Options{Type: of.kind}); err != nil {
						t.Errorf("accepted and does not compile: %v", err)
					}
				}
			}
		})
	}
}

// Every code has S3's or IAM's own words, or IAM's words for all the rest.
func TestMessages(t *testing.T) {
	for code, message := range s3Messages {
		if got := S3Message(Finding{Code: code, Value: "X"}); got != strings.Replace(message, "%s", "X", 1) || strings.Contains(got, "%") {
			t.Errorf("%s: %q", code, got)
		}
	}
	for code := range iamMessages {
		if got := IAMMessage(Finding{Code: code, Value: "arn:p:s3:::b"}); got == "" || strings.Contains(got, "%") {
			t.Errorf("%s: %q", code, got)
		}
	}
	for _, code := range []policy.Code{"", eval.InvalidPrincipal, InvalidPartition, ResourceRegion, eval.InvalidVendor} {
		if IAMMessage(Finding{Code: code}) == "" || S3Message(Finding{Code: code}) == "" {
			t.Errorf("%q without a value has no message", code)
		}
	}
}

func TestBucketPolicySize(t *testing.T) {
	for document, want := range map[string]int{
		`{"a":"b"}`: 9, "{ \"a\" :\n\t\"b c\" }": 11, `{"a":"\" x"}`: 12, "": 0,
	} {
		if got := BucketPolicySize([]byte(document)); got != want {
			t.Errorf("%s has size %d, want %d", document, got, want)
		}
	}
	document := func(n int) []byte {
		head := `{"Id":"`
		tail := `","Statement":{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::b"}}`
		return []byte(head + strings.Repeat("x", n-len(head)-len(tail)) + tail + "   ")
	}
	if _, findings := Parse(document(MaxBucketPolicySize), Bucket, Options{Bucket: "b"}); len(findings) != 0 {
		t.Errorf("a policy of the most bytes: %+v", findings)
	}
	_, findings := Parse(document(MaxBucketPolicySize+1), Bucket, Options{Bucket: "b"})
	if len(findings) != 1 || findings[0].Code != PolicyTooLarge || S3Message(findings[0]) != "Normalized policy document exceeds the maximum allowed size of 20480 bytes" {
		t.Errorf("a policy of one byte more: %+v", findings)
	}
}

func TestIAMSize(t *testing.T) {
	for document, want := range map[string]int{`{"a": "b c"}`: 10, " \t\r\n": 0, `{"é":1}`: 7} {
		if got := IAMSize(document); got != want {
			t.Errorf("%s has size %d, want %d", document, got, want)
		}
	}
}

// A bucket policy may be checked before its bucket is known.
func TestAnyBucket(t *testing.T) {
	document := `{"Statement":{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::any.bucket/*"}}`
	if _, findings := Parse([]byte(document), Bucket, Options{}); len(findings) != 0 {
		t.Errorf("findings %+v", findings)
	}
}

// What Check accepts compiles, whatever the document; Validate finds what Check
// refuses, every finding is of a code, and a fix leaves a policy behind.
func FuzzCheck(f *testing.F) {
	for _, file := range []string{"bucket", "managed", "inline", "trust"} {
		text, err := os.ReadFile("testdata/" + file + ".txt")
		if err != nil {
			f.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			if strings.HasPrefix(line, "{") {
				f.Add([]byte(line))
			}
		}
	}
	for _, e := range Codes() {
		for i := range e.Examples {
			if e.Examples[i].Fill == 0 {
				f.Add(e.Examples[i].Source())
			}
		}
	}
	f.Fuzz(func(t *testing.T, document []byte) {
		for _, kind := range kinds() {
			doc, refusals := Parse(document, kind, Options{Bucket: "b"})
			for _, f := range refusals {
				if S3Message(f) == "" || IAMMessage(f) == "" || f.Code == "" {
					t.Fatalf("finding %+v has no message", f)
				}
			}
			if len(refusals) == 0 {
				if _, err := eval.Compile(doc, eval.Options{Type: kind}); err != nil {
					t.Fatalf("%s: accepted and does not compile: %v", kind, err)
				}
			}
			_, findings := Validate(document, kind, Options{Bucket: "b"})
			checkFindings(t, doc, findings)
			refused := slices.ContainsFunc(findings, func(f Finding) bool { return f.Refused })
			if refused != (len(refusals) > 0) && len(findings) < MaxFindings {
				t.Fatalf("%s: the API refuses it with %s, and Validate finds %s", kind, list(refusals), list(findings))
			}
			for i := range findings {
				checkFixed(t, document, &findings[i])
			}
		}
	})
}

// checkFixed checks that the fix of a finding leaves a policy that the API takes
// when it took the one before.
func checkFixed(t *testing.T, document []byte, f *Finding) {
	t.Helper()
	if f.Fix == nil {
		return
	}
	fixed, err := edit.Apply(document, f.Fix.Edits...)
	if err != nil {
		t.Fatalf("%s at %s: %v", f.Code, f.Position, err)
	}
	_, before := Parse(document, f.Kind, Options{Bucket: "b"})
	doc, after := Parse(fixed, f.Kind, Options{Bucket: "b"})
	if doc == nil || len(before) == 0 && len(after) > 0 {
		t.Fatalf("%s at %s is fixed to what the API refuses: %s\n%s", f.Code, f.Position, list(after), fixed)
	}
}
