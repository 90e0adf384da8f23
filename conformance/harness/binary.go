package harness

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Build compiles the keywright command of the parent module into dir, with more
// flags for the compiler, and returns the path of the binary.
func Build(dir string, flags ...string) (string, error) {
	binary := filepath.Join(dir, "keywright")
	build := exec.Command("go", append(append([]string{"build", "-o", binary}, flags...), "./cmd/keywright")...)
	build.Dir = ".."
	build.Env = append(os.Environ(), "GOFLAGS=", "GOWORK=off")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build ./cmd/keywright: %w\n%s", err, out)
	}
	return binary, nil
}
