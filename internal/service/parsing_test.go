package service_test

import (
	"encoding/xml"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/keywright/keywright/internal/service"
)

var inside, most atomic.Int64

// watched counts how many of it are being parsed at once.
type watched struct{}

func (*watched) UnmarshalXML(d *xml.Decoder, start xml.StartElement) error {
	defer inside.Add(-1)
	now := inside.Add(1)
	for seen := most.Load(); now > seen && !most.CompareAndSwap(seen, now); seen = most.Load() {
	}
	for range 100 { // lets in whoever is not kept out
		runtime.Gosched()
	}
	return d.DecodeElement(&struct{}{}, &start)
}

// TestLargeDocumentsWait parses many large documents at once, of which no more
// than there are processors may be in memory unpacked.
func TestLargeDocumentsWait(t *testing.T) {
	document := []byte("<Large>" + strings.Repeat(" ", 64<<10) + "</Large>")
	var all sync.WaitGroup
	for range 20 * runtime.GOMAXPROCS(0) {
		all.Go(func() {
			if err := service.DecodeXML(document, &watched{}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := most.Load(); n > int64(runtime.GOMAXPROCS(0)) {
		t.Errorf("%d at once on %d processors", n, runtime.GOMAXPROCS(0))
	}
}
