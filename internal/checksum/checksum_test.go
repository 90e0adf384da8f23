package checksum

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// The check values of the CRC catalogue, and NIST's for SHA-1 and SHA-256.
func TestSum(t *testing.T) {
	for _, c := range []struct {
		algorithm   Algorithm
		input, want string
	}{
		{CRC32, "123456789", "cbf43926"},
		{CRC32C, "123456789", "e3069283"},
		{CRC64NVME, "123456789", "ae8b14860a799888"},
		{SHA1, "abc", "a9993e364706816aba3e25717850c26c9cd0d89d"},
		{SHA256, "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
	} {
		got := c.algorithm.Sum([]byte(c.input))
		if hex.EncodeToString(got) != c.want {
			t.Errorf("%v(%q) = %x, want %s", c.algorithm, c.input, got, c.want)
		}
		if len(got) != c.algorithm.Size() {
			t.Errorf("%v: Size() = %d, but a checksum has %d bytes", c.algorithm, c.algorithm.Size(), len(got))
		}
	}
}

func TestNames(t *testing.T) {
	for _, a := range Algorithms() {
		if got, ok := Parse(strings.ToLower(a.String())); !ok || got != a {
			t.Errorf("Parse(%q) = %v, %v", strings.ToLower(a.String()), got, ok)
		}
		if got, ok := FromHeader(strings.ToUpper(a.Header())); !ok || got != a {
			t.Errorf("FromHeader(%q) = %v, %v", strings.ToUpper(a.Header()), got, ok)
		}
	}
	for _, name := range []string{"", "CRC", "x-amz-checksum-", "x-amz-checksum-type", "x-amz-checksum-md5", "crc32"} {
		if a, ok := FromHeader(name); ok {
			t.Errorf("FromHeader(%q) = %v", name, a)
		}
	}
	if a, ok := Parse(""); ok {
		t.Errorf("Parse of nothing = %v", a)
	}
	if s := Algorithm(200).String(); s != "" {
		t.Errorf("an unknown algorithm is called %q", s)
	}
}

func TestDecode(t *testing.T) {
	for value, want := range map[string]bool{
		"sOO8/Q==":                     true,
		"sOO8/R==":                     false, // the unused bits are not zero
		"sOO8/Q=":                      false,
		"sOO8/Q":                       false,
		"sOO8_Q==":                     false, // the alphabet of URLs
		"sOO8\n/Q=":                    false,
		"":                             false,
		"AAAAAAAA":                     false, // six bytes
		"AAAAAAAAAAAAAAAAAAAAAAAAAAA=": false,
	} {
		if _, ok := CRC32C.Decode(value); ok != want {
			t.Errorf("Decode(%q) = %v, want %v", value, ok, want)
		}
	}
	if _, ok := None.Decode(""); ok {
		t.Error("None has a checksum")
	}
}

func TestSupports(t *testing.T) {
	for a, want := range map[Algorithm][2]bool{
		None: {false, false}, CRC32: {true, true}, CRC32C: {true, true},
		CRC64NVME: {true, false}, SHA1: {false, true}, SHA256: {false, true},
	} {
		if got := [2]bool{a.Supports(FullObject), a.Supports(Composite)}; got != want {
			t.Errorf("%v supports full object, composite: %v, want %v", a, got, want)
		}
		if a.Supports("OTHER") {
			t.Errorf("%v supports a type that does not exist", a)
		}
		if a != None && !a.Supports(a.DefaultType()) {
			t.Errorf("%v does not support its default type", a)
		}
	}
}

func TestFullObjectEqualsChecksumOfTheWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := rapid.SampledFrom([]Algorithm{CRC32, CRC32C, CRC64NVME}).Draw(t, "algorithm")
		data := rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 0, 300), 0, 6).Draw(t, "parts")
		var parts []Part
		for _, d := range data {
			parts = append(parts, Part{a.Sum(d), int64(len(d))})
		}
		got, err := a.Multipart(FullObject, parts)
		if want := Encode(a.Sum(bytes.Join(data, nil))); err != nil || got != want {
			t.Fatalf("%v: %v, %v, want %v", a, got, err, want)
		}
	})
}

// Two parts of 5 GiB cannot be hashed in a test, but doubling can: the
// concatenation of k equal halves is reached in two ways.
func TestFullObjectOfLongParts(t *testing.T) {
	for _, a := range []Algorithm{CRC32, CRC32C, CRC64NVME} {
		part := Part{a.Sum([]byte("12345678")), 8}
		whole := part
		for range 37 {
			sum, err := a.Multipart(FullObject, []Part{whole, whole})
			if err != nil {
				t.Fatal(err)
			}
			raw, _ := a.Decode(sum)
			whole = Part{raw, whole.Length * 2}
		}
		left, _ := a.Multipart(FullObject, []Part{part, whole})
		right, _ := a.Multipart(FullObject, []Part{whole, part})
		if left != right {
			t.Errorf("%v: 8 bytes before %d equal ones give %s, after them %s", a, whole.Length, left, right)
		}
	}
}

func TestComposite(t *testing.T) {
	for _, a := range []Algorithm{CRC32, CRC32C, SHA1, SHA256} {
		one, two := a.Sum([]byte("one")), a.Sum([]byte("two"))
		got, err := a.Multipart(Composite, []Part{{one, 3}, {two, 3}})
		if want := Encode(a.Sum(append(one, two...))) + "-2"; err != nil || got != want {
			t.Errorf("%v: %v, %v, want %v", a, got, err, want)
		}
	}
}

func TestMultipartRefuses(t *testing.T) {
	for _, c := range []struct {
		algorithm Algorithm
		kind      Type
		parts     []Part
	}{
		{SHA256, FullObject, nil},
		{CRC64NVME, Composite, nil},
		{None, Composite, nil},
		{CRC32, FullObject, []Part{{make([]byte, 3), 1}}},
		{CRC32, FullObject, []Part{{make([]byte, 4), -1}}},
		{SHA1, Composite, []Part{{nil, 1}}},
	} {
		if got, err := c.algorithm.Multipart(c.kind, c.parts); !errors.Is(err, ErrUnsupported) {
			t.Errorf("%v %v: %q, %v", c.algorithm, c.kind, got, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(uint8(CRC32C), "sOO8/Q==")
	f.Add(uint8(SHA1), "")
	f.Fuzz(func(t *testing.T, n uint8, value string) {
		a := Algorithms()[int(n)%len(Algorithms())]
		if sum, ok := a.Decode(value); ok && Encode(sum) != value {
			t.Errorf("%q decodes, but is not the encoding of %x", value, sum)
		}
	})
}
