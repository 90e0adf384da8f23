// Package suite names what the tests of rclone's S3 backend are built of, so
// that the module's files list it: go test then runs them.
package suite

import (
	_ "github.com/rclone/rclone/backend/s3"
	_ "github.com/rclone/rclone/fstest/fstests"
)
