package main

import (
	"bytes"
	"os"
	"testing"

	"github.com/keywright/keywright/policy/lint"
)

// The reference is what the table says, and has a section for every code that is
// reported.
func TestReference(t *testing.T) {
	want := reference()
	got, err := os.ReadFile("../../../docs/findings.md")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("docs/findings.md is not what the table says: run \"go generate ./policy/lint\"")
	}
	sections := 0
	for _, e := range lint.Codes() {
		if bytes.Contains(got, []byte("\n### "+string(e.Code)+"\n")) != e.Shown() {
			t.Errorf("%s: has a section: %v", e.Code, !e.Shown())
		}
		if e.Shown() {
			sections++
		}
		if e.Family == "" {
			t.Errorf("%s belongs to no family", e.Code)
		}
	}
	if sections < 150 {
		t.Errorf("%d sections, want 150 or more", sections)
	}
	t.Logf("%d sections", sections)
}
