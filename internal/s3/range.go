package s3

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/keywright/keywright/internal/awserr"
	"github.com/keywright/keywright/internal/objects"
)

// extent is the part of an object that is served.
type extent struct {
	offset, length int64
	partial        bool // answered with 206
	part           int  // the part that was asked for, or 0
}

// byteRange is one range of a Range header. Of "first-" last is the greatest
// number; of "-n" first is -1 and last is n.
type byteRange struct{ first, last int64 }

// parseRange reads a range of bytes. S3 serves one range; a header with several,
// or that is malformed, is ignored as HTTP has it.
func parseRange(header string) (r byteRange, ok bool) {
	spec, ok := strings.CutPrefix(header, "bytes=")
	first, last, dash := strings.Cut(strings.TrimSpace(spec), "-")
	if !ok || !dash || first == "" && last == "" {
		return r, false
	}
	r = byteRange{-1, math.MaxInt64}
	if first != "" {
		if r.first, ok = parseOffset(first); !ok {
			return r, false
		}
	}
	if last != "" {
		if r.last, ok = parseOffset(last); !ok {
			return r, false
		}
	}
	return r, r.first <= r.last
}

// parseOffset reads digits; a number that is too great becomes the greatest.
func parseOffset(digits string) (int64, bool) {
	if strings.Trim(digits, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		n = math.MaxInt64
	}
	return n, true
}

// within returns what the range is of an object, and false when it has none of it.
func (r byteRange) within(size int64) (offset, length int64, ok bool) {
	first, last := r.first, min(r.last, size-1)
	if first < 0 {
		first, last = max(0, size-r.last), size-1
	}
	return first, last - first + 1, first <= last
}

// extentOf finds the part of an object that the request asks for, by its Range
// header or its number. Errors are InvalidRange and InvalidPartNumber.
func extentOf(h http.Header, part int, i objects.Info) (extent, error) {
	if part > 0 {
		return partExtent(part, i)
	}
	whole := extent{length: i.Size}
	header := h.Get("Range")
	r, ok := parseRange(header)
	if !ok || !rangeApplies(h, i) {
		return whole, nil
	}
	offset, length, ok := r.within(i.Size)
	if !ok {
		return whole, awserr.InvalidRange.With("RangeRequested", header).With("ActualObjectSize", itoa(i.Size))
	}
	return extent{offset: offset, length: length, partial: true}, nil
}

// rangeApplies evaluates If-Range: a range of another object than the client
// has must not be appended to it.
func rangeApplies(h http.Header, i objects.Info) bool {
	v := h.Get("If-Range")
	if v == "" {
		return true
	}
	if t, err := http.ParseTime(v); err == nil {
		return i.Modified.Truncate(time.Second).Equal(t)
	}
	return matchesTag(v, i.ETag, false)
}

func partExtent(part int, i objects.Info) (extent, error) {
	count := max(1, len(i.Parts))
	if part > count {
		return extent{}, awserr.InvalidPartNumber.
			With("PartNumberRequested", itoa(part)).With("ActualPartCount", itoa(count))
	}
	if len(i.Parts) == 0 {
		return extent{length: i.Size, partial: i.Size > 0, part: part}, nil
	}
	e := extent{part: part, partial: true}
	for _, p := range i.Parts[:part-1] {
		e.offset += p.Size
	}
	e.length = i.Parts[part-1].Size
	e.partial = e.length > 0
	return e, nil
}

// contentRange is the Content-Range header of a part of an object.
func (e extent) contentRange(size int64) string {
	if !e.partial {
		return ""
	}
	return "bytes " + itoa(e.offset) + "-" + itoa(e.offset+e.length-1) + "/" + itoa(size)
}
