package simulate_test

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/keywright/keywright/internal/simulate"
)

// BenchmarkLargest decides and writes what may cost the most: statements that
// are all short and all matched.
func BenchmarkLargest(b *testing.B) {
	statement := `{"Effect":"Allow","Action":"*","Resource":"*"}`
	p := simulate.Parameters{Identity: []simulate.Source{{ID: "PolicyInputList.1", Document: `{"Statement":[` + statement + strings.Repeat(","+statement, 999) + `]}`}}}
	for i := range 16 {
		p.ResourceARNs = append(p.ResourceARNs, fmt.Sprintf("arn:aws:s3:::b/%d", i))
	}
	for b.Loop() {
		s, err := simulate.New(&p)
		if err != nil {
			b.Fatal(err)
		}
		if err := xml.NewEncoder(io.Discard).Encode(s.Action("s3:GetObject")); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(s.Cost()), "cost")
	}
}

// BenchmarkMissing looks for missing keys in conditions of which none holds.
func BenchmarkMissing(b *testing.B) {
	condition := `{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringLike":{"a:b":"${c:d}*${e:f}"},"Bool":{"g:h":"true"}}}`
	p := simulate.Parameters{Identity: []simulate.Source{{ID: "PolicyInputList.1", Document: `{"Version":"2012-10-17","Statement":[` + condition + strings.Repeat(","+condition, 999) + `]}`}}}
	for i := range 7 {
		p.ResourceARNs = append(p.ResourceARNs, fmt.Sprintf("arn:aws:s3:::b/%d", i))
	}
	for b.Loop() {
		s, err := simulate.New(&p)
		if err != nil {
			b.Fatal(err)
		}
		s.Action("s3:GetObject")
		b.ReportMetric(float64(s.Cost()), "cost")
	}
}
