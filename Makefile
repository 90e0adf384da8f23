# Two commands do all the set-up: "make run" and "make test".

.DEFAULT_GOAL := help
.PHONY: run build test bench fmt help go

run: build ## build, and start the demo on ./data
	./bin/keywright demo --data ./data

build: go ## build bin/keywright
	go build -o bin/keywright ./cmd/keywright

test: go ## install what the tests need, and run everything
	./scripts/test.sh

bench: go ## run the benchmarks
	go test -run '^$$' -bench . -benchmem ./...

fmt: go ## format the code
	gofmt -w .

help: ## show this
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' Makefile

go:
	@command -v go >/dev/null || { echo 'error: Go is not installed, or not on the PATH'; \
	echo 'hint: Keywright needs Go 1.26 or later: install it, and try again'; exit 1; } >&2
