package sigv4

import (
	"io"
	"net/http/httptest"
	"testing"

	"github.com/keywright/keywright/internal/checksum"
)

func BenchmarkBody(b *testing.B) {
	payload := testPayload(8 << 20)
	for _, mode := range payloadModes {
		for _, digests := range []string{"alone", "MD5 and CRC64NVME"} {
			b.Run(mode.name+"/"+digests, func(b *testing.B) {
				r := httptest.NewRequest("PUT", "/b/k", nil)
				mode.sign(r, payload, 64<<10)
				wire, _ := io.ReadAll(r.Body)
				s, err := Parse(r)
				if err != nil {
					b.Fatal(err)
				}
				buffer := make([]byte, 256<<10)
				b.SetBytes(int64(len(payload)))
				b.ReportAllocs()
				for b.Loop() {
					r.Body = io.NopCloser(asIs(wire))
					body, err := s.Body(r, testSecret)
					if err != nil {
						b.Fatal(err)
					}
					if digests != "alone" {
						body.ComputeMD5()
						body.Compute(checksum.CRC64NVME)
					}
					if _, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{body}, buffer); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	for _, v := range authentic(b) {
		if v.name != "GetObject 'plain.txt'" && v.name != "presigned GetObject 'plain.txt'" {
			continue
		}
		b.Run(v.name, func(b *testing.B) {
			r, now := v.read(b), v.now(b)
			b.ReportAllocs()
			for b.Loop() {
				s, err := Parse(r)
				if err != nil {
					b.Fatal(err)
				}
				if err := s.Verify(r, v.fields["secret"], now); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
