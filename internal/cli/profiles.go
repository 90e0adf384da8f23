package cli

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/keywright/keywright/internal/server"
)

// profiles is an AWS configuration file with the credentials in it, so that
// AWS_CONFIG_FILE alone makes a profile work ("Configuration and credential
// file settings in the AWS CLI", AWS CLI User Guide).
type profiles struct {
	path     string
	endpoint string
	region   string
	keys     map[string]server.AccessKey // by name of the profile
}

// readProfiles reads what write wrote. A file that does not exist has no
// profiles.
func readProfiles(path string) (*profiles, error) {
	p := &profiles{path: path, keys: map[string]server.AccessKey{}}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return p, nil
	}
	if err != nil {
		return nil, err
	}
	name := ""
	for lines := bufio.NewScanner(bytes.NewReader(data)); lines.Scan(); {
		line := strings.TrimSpace(lines.Text())
		if section, ok := strings.CutPrefix(line, "[profile "); ok {
			name = strings.TrimSuffix(section, "]")
			continue
		}
		setting, value, _ := strings.Cut(line, "=")
		key := p.keys[name]
		switch strings.TrimSpace(setting) {
		case "aws_access_key_id":
			key.ID = strings.TrimSpace(value)
		case "aws_secret_access_key":
			key.Secret = strings.TrimSpace(value)
		default:
			continue
		}
		p.keys[name] = key
	}
	return p, nil
}

// write replaces the file in one step. Only its owner may read it.
func (p *profiles) write(names []string) error {
	var b strings.Builder
	b.WriteString("# Written by keywright demo at each start.\n")
	for _, name := range names {
		key, ok := p.keys[name]
		if !ok {
			continue
		}
		fmt.Fprintf(&b, `
[profile %s]
aws_access_key_id = %s
aws_secret_access_key = %s
region = %s
endpoint_url = %s
s3 =
    addressing_style = path
    signature_version = s3v4
`, name, key.ID, key.Secret, p.region, p.endpoint)
	}
	f, err := os.CreateTemp(filepath.Dir(p.path), ".config-*") // 0600
	if err != nil {
		return err
	}
	_, err = f.WriteString(b.String())
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), p.path)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}
