package checksum

import (
	"encoding/binary"
	"errors"
	"math/bits"
	"strconv"
)

// ErrUnsupported is returned for a multipart checksum of a type that the
// algorithm does not have, or from a part checksum of the wrong size.
var ErrUnsupported = errors.New("checksum: the algorithm has no multipart checksum of this type")

// Part is what a multipart object's checksum is made from.
type Part struct {
	Sum    []byte // the part's checksum
	Length int64  // bytes in the part
}

// Multipart returns the checksum of type t of the object made of the parts, as
// headers and documents carry it. A composite checksum ends in a hyphen and the
// number of parts. It returns ErrUnsupported when a does not support t.
func (a Algorithm) Multipart(t Type, parts []Part) (string, error) {
	if !a.Supports(t) {
		return "", ErrUnsupported
	}
	for _, p := range parts {
		if len(p.Sum) != a.Size() || p.Length < 0 {
			return "", ErrUnsupported
		}
	}
	if t == FullObject {
		return Encode(a.combine(parts)), nil
	}
	h := a.New()
	for _, p := range parts {
		h.Write(p.Sum)
	}
	return Encode(h.Sum(nil)) + "-" + strconv.Itoa(len(parts)), nil
}

// combine returns the CRC of the concatenation of the parts, of which only the
// CRCs and lengths are known.
func (a Algorithm) combine(parts []Part) []byte {
	r := ring{polynomial: traits[a].polynomial, width: 8 * a.Size()}
	var crc uint64
	for _, p := range parts {
		crc = r.multiply(r.shift(uint64(p.Length)), crc) ^ number(p.Sum)
	}
	sum := binary.BigEndian.AppendUint64(nil, crc)
	return sum[8-a.Size():]
}

func number(sum []byte) uint64 {
	var n uint64
	for _, b := range sum {
		n = n<<8 | uint64(b)
	}
	return n
}

// ring is the polynomials over GF(2) modulo a CRC's polynomial. Bits are
// reflected as in the CRC itself: the highest of the width bits is the
// coefficient of x⁰.
type ring struct {
	polynomial uint64
	width      int
}

func (r ring) multiply(a, b uint64) uint64 {
	var product uint64
	for m := uint64(1) << (r.width - 1); m != 0; m >>= 1 {
		if a&m != 0 {
			product ^= b
		}
		b = b>>1 ^ r.polynomial&-(b&1)
	}
	return product
}

// shift returns x to the power of 8n: what appending n bytes multiplies a CRC
// by.
func (r ring) shift(n uint64) uint64 {
	one := uint64(1) << (r.width - 1)
	power, square := one, one>>8
	for range bits.Len64(n) {
		if n&1 != 0 {
			power = r.multiply(power, square)
		}
		square = r.multiply(square, square)
		n >>= 1
	}
	return power
}
