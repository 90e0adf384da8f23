package directory

import (
	"embed"
	"encoding/json"
	"io/fs"
	"strconv"
	"time"

	"github.com/keywright/keywright/policy/eval"
)

// AWSAccountID stands for an account id in the managed policies of AWS.
const AWSAccountID = "aws"

// awsManagedFiles holds policies.json and, for each policy that it lists, the
// document ("AWS Managed Policy Reference Guide").
//
//go:embed awsmanaged
var awsManagedFiles embed.FS

// awsManaged returns the records of AWS's managed policies: those for S3 and
// IAM, and for administrators. They are never written to the database.
func awsManaged() (records []record) {
	var list []struct {
		Name, ID, Version, Description string
		Created, Updated               time.Time
	}
	readAWSManaged("policies.json", func(b []byte) error { return json.Unmarshal(b, &list) })
	for _, p := range list {
		number, err := strconv.Atoi(p.Version[1:])
		if err != nil {
			panic(err)
		}
		arn := "arn:aws:iam::aws:policy/" + p.Name
		v := &versionRow{arn: arn, number: number, created: p.Updated}
		readAWSManaged("documents/"+p.Name+".json", func(b []byte) (err error) {
			v.document = string(b)
			v.compiled, err = compile(v.document, eval.Options{Type: eval.Identity, Name: arn})
			return err
		})
		records = append(records, &policyRow{
			arn: arn, id: p.ID, accountID: AWSAccountID, path: "/", name: p.Name, description: p.Description,
			defaultVersion: number, lastVersion: number, created: p.Created, updated: p.Updated,
		}, v)
	}
	return records
}

// readAWSManaged uses an embedded file. The files are part of the program: one
// that is wrong cannot be anybody's input.
func readAWSManaged(name string, use func([]byte) error) {
	b, err := fs.ReadFile(awsManagedFiles, "awsmanaged/"+name)
	if err == nil {
		err = use(b)
	}
	if err != nil {
		panic(name + ": " + err.Error())
	}
}
