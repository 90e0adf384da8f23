package s3

import (
	"strconv"
	"testing"

	"github.com/keywright/keywright/internal/directory"
)

// A document is read once, and anew when it is another; what is kept has a limit.
func TestDocumentsAreReadOnce(t *testing.T) {
	read := func(bucketID, origin string) *corsConfiguration {
		t.Helper()
		document, err := encodeConfiguration(&corsConfiguration{Rules: []corsRule{{AllowedOrigins: []string{origin}}}})
		if err != nil {
			t.Fatal(err)
		}
		c, err := cors.of(&directory.Bucket{ID: bucketID, Configurations: map[string]string{cors.subresource: document}})
		if err != nil || c.Rules[0].AllowedOrigins[0] != origin {
			t.Fatalf("of %s: %+v, %v", origin, c, err)
		}
		return c
	}
	first := read("one", "a")
	if read("one", "a") != first {
		t.Error("the same document was read twice")
	}
	read("one", "b")
	read("other", "a")
	read("one", "a")
	for i := range 3 * maxReadDocuments {
		read(strconv.Itoa(i), "a")
	}
	if n := len(cors.read.byBucket); n > maxReadDocuments {
		t.Errorf("%d are kept", n)
	}
	broken := &directory.Bucket{ID: "broken", Configurations: map[string]string{cors.subresource: "<"}}
	if c, err := cors.of(broken); c != nil || err == nil {
		t.Errorf("%+v of what cannot be read", c)
	}
}
