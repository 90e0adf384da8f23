package lifecycle

import (
	"bufio"
	"encoding/xml"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/keywright/keywright/internal/awserr"
	"github.com/keywright/keywright/internal/service"
)

// parse reads a document as the server does.
func parse(text string) (*Configuration, error) {
	var c Configuration
	if err := service.DecodeXML([]byte(text), &c); err != nil {
		return nil, err
	}
	return &c, c.Check()
}

// TestDocuments reads rules, and which of them are refused with what.
func TestDocuments(t *testing.T) {
	f, err := os.Open("testdata/documents.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	cases := 0
	for lines := bufio.NewScanner(f); lines.Scan(); {
		want, rule, ok := strings.Cut(lines.Text(), " ")
		if !ok || strings.HasPrefix(want, "#") {
			continue
		}
		cases++
		c, err := parse("<LifecycleConfiguration>" + rule + "</LifecycleConfiguration>")
		got := "ok"
		var e *awserr.Error
		if errors.As(err, &e) {
			got = e.Code
		}
		if got != want {
			t.Errorf("%s: %s (%v), want %s", rule, got, err, want)
		}
		if err != nil {
			continue
		}
		// What is kept is read as what was put.
		text, err := xml.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		again, err := parse(string(text))
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if once, _ := xml.Marshal(again); string(once) != string(text) {
			t.Errorf("%s became %s", text, once)
		}
		if c.Rules[0].ID == "" {
			t.Errorf("%s: no ID", rule)
		}
	}
	if cases < 45 {
		t.Errorf("%d cases, want 45 or more", cases)
	}
}

func FuzzDocument(f *testing.F) {
	text, err := os.ReadFile("testdata/documents.txt")
	if err != nil {
		f.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		_, rule, _ := strings.Cut(strings.TrimSpace(line), " ")
		f.Add("<LifecycleConfiguration>" + rule + "</LifecycleConfiguration>")
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := parse(text)
		if err != nil {
			return
		}
		for i := range c.Rules {
			r := &c.Rules[i]
			r.prefix()
			r.tags()
			r.isSized()
		}
	})
}
