// Keywright is an S3, IAM, STS and KMS endpoint on one machine that enforces least
// access to buckets as AWS does.
package main

import (
	"os"

	"github.com/keywright/keywright/internal/cli"
)

func main() { os.Exit(cli.Main()) }
