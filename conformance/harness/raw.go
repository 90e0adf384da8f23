package harness

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// Payload hashes that stand for a body that is not hashed as a whole.
const (
	Unsigned                 = "UNSIGNED-PAYLOAD"
	StreamingSigned          = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
	StreamingSignedTrailer   = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
	StreamingUnsignedTrailer = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
)

// Raw is one request that no SDK would make, signed by the SDK's signer.
type Raw struct {
	Method, URI string // URI is the path as it is sent, with the query
	Host        string // "" is the endpoint's
	Header      http.Header
	Body        []byte
	Stream      io.Reader // the body when Body is nil
	Length      int64     // of Stream; -1 is not known
	Payload     string    // payload hash; "" is that of Body
	Credentials aws.Credentials
	Region      string // "" is Region
	Service     string // "" is s3
	Time        time.Time
}

// Reply is the answer to a raw request.
type Reply struct {
	Status int
	Header http.Header
	Body   []byte
	Error  ErrorDocument // of an S3 error answer; zero when it has none
}

// ErrorDocument is S3's error document.
type ErrorDocument struct {
	Code, Message, Resource, Region, RequestId     string
	CanonicalRequest, StringToSign, BucketName     string
	AWSAccessKeyId, SignatureProvided, HostId, Key string
	CanonicalRequestBytes, StringToSignBytes       string
}

// Request returns the signed HTTP request of r.
func (s *Server) Request(ctx context.Context, r Raw) (*http.Request, error) {
	body := r.Stream
	if body == nil {
		body = bytes.NewReader(r.Body)
	}
	request, err := http.NewRequestWithContext(ctx, r.Method, s.Endpoint, body)
	if err != nil {
		return nil, err
	}
	path, query, _ := strings.Cut(r.URI, "?")
	request.URL.Opaque, request.URL.RawQuery = "//"+request.URL.Host+path, query
	if r.Stream != nil {
		request.ContentLength = r.Length
	}
	for name, values := range r.Header {
		request.Header[http.CanonicalHeaderKey(name)] = values
	}
	if r.Host != "" {
		request.Host = r.Host
	}
	if r.Credentials.AccessKeyID != "" {
		if err := sign(ctx, request, r); err != nil {
			return nil, err
		}
	}
	if !strings.HasPrefix(path, "//") { // which would not be sent as a path
		request.URL.Opaque = path
	}
	return request, nil
}

func sign(ctx context.Context, request *http.Request, r Raw) error {
	payload := r.Payload
	if payload == "" {
		sum := sha256.Sum256(r.Body)
		payload = hex.EncodeToString(sum[:])
	}
	service, region, at := or(r.Service, "s3"), or(r.Region, Region), r.Time
	if at.IsZero() {
		at = time.Now()
	}
	if service == "s3" {
		request.Header.Set("X-Amz-Content-Sha256", payload)
	}
	return v4.NewSigner().SignHTTP(ctx, r.Credentials, request, payload, service, region, at, func(o *v4.SignerOptions) {
		o.DisableURIPathEscaping = service == "s3"
	})
}

// Do sends a raw request and reads its answer.
func (s *Server) Do(ctx context.Context, client *http.Client, r Raw) (*Reply, error) {
	request, err := s.Request(ctx, r)
	if err != nil {
		return nil, err
	}
	return Send(client, request)
}

// Send sends a request and reads its answer.
func Send(client *http.Client, request *http.Request) (*Reply, error) {
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	reply := &Reply{Status: response.StatusCode, Header: response.Header}
	if reply.Body, err = io.ReadAll(response.Body); err != nil {
		return nil, err
	}
	if reply.Status >= 300 && strings.HasSuffix(reply.Header.Get("Content-Type"), "/xml") && len(reply.Body) > 0 {
		if err := xml.Unmarshal(reply.Body, &reply.Error); err != nil {
			return nil, fmt.Errorf("status %d with a body that is no error document: %w\n%s", reply.Status, err, reply.Body)
		}
	}
	return reply, nil
}

// Chunks encodes body as aws-chunked in chunks of size bytes, with a trailer
// when trailer names one ("name:value"). The chunks and the trailer are signed
// when seed is the signature of the request ("Signature calculations for the
// Authorization header: Transferring payload in multiple chunks", Amazon S3
// API Reference).
type Chunks struct {
	Body        []byte
	Size        int
	Trailer     string
	Seed        string // signature of the request's headers; "" leaves chunks unsigned
	Credentials aws.Credentials
	Time        time.Time
}

// Encode returns the encoded body.
func (c Chunks) Encode() []byte {
	var out bytes.Buffer
	previous, body := c.Seed, c.Body
	for {
		n := min(c.Size, len(body))
		chunk := body[:n]
		body = body[n:]
		if c.Seed == "" {
			fmt.Fprintf(&out, "%x\r\n", n)
		} else {
			previous = c.signature("AWS4-HMAC-SHA256-PAYLOAD", previous, hexSum(nil)+"\n"+hexSum(chunk))
			fmt.Fprintf(&out, "%x;chunk-signature=%s\r\n", n, previous)
		}
		if n > 0 {
			out.Write(chunk)
			out.WriteString("\r\n")
			continue
		}
		break
	}
	if c.Trailer != "" {
		out.WriteString(c.Trailer + "\r\n")
		if c.Seed != "" {
			fmt.Fprintf(&out, "x-amz-trailer-signature:%s\r\n", c.signature("AWS4-HMAC-SHA256-TRAILER", previous, hexSum([]byte(c.Trailer+"\n"))))
		}
	}
	out.WriteString("\r\n")
	return out.Bytes()
}

func (c Chunks) signature(algorithm, previous, hashes string) string {
	at, day := c.Time.UTC().Format("20060102T150405Z"), c.Time.UTC().Format("20060102")
	scope := day + "/" + Region + "/s3/aws4_request"
	key := []byte("AWS4" + c.Credentials.SecretAccessKey)
	for _, part := range []string{day, Region, "s3", "aws4_request"} {
		key = mac(key, part)
	}
	return hex.EncodeToString(mac(key, strings.Join([]string{algorithm, at, scope, previous, hashes}, "\n")))
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

func hexSum(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
