package s3

import (
	"net/netip"
	"strings"
)

// reservedPrefixes and reservedSuffixes may not begin and end the name of a
// general purpose bucket. The suffix -an belongs to account regional
// namespaces, which there are none of here.
var (
	reservedPrefixes = []string{"xn--", "sthree-", "amzn-s3-demo-"}
	reservedSuffixes = []string{"-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3", "-an"}
)

// isBucketName reports whether a bucket can have a name ("General purpose bucket
// naming rules", Amazon S3 User Guide).
func isBucketName(name string) bool {
	if len(name) < 3 || len(name) > 63 || strings.Contains(name, "..") {
		return false
	}
	for i := range len(name) {
		c := name[i]
		alphanumeric := c >= 'a' && c <= 'z' || c >= '0' && c <= '9'
		edge := i == 0 || i == len(name)-1
		if !alphanumeric && (edge || c != '.' && c != '-') {
			return false
		}
	}
	for _, p := range reservedPrefixes {
		if strings.HasPrefix(name, p) {
			return false
		}
	}
	for _, s := range reservedSuffixes {
		if strings.HasSuffix(name, s) {
			return false
		}
	}
	ip, err := netip.ParseAddr(name)
	return err != nil || !ip.Is4()
}
