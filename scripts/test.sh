#!/usr/bin/env bash
# Runs every check, and says at the end which failed and why. Each check that
# could pass by looking at nothing counts what it looked at, and fails when that
# is too little.
#
#   STEPS="gofmt vet" scripts/test.sh   runs only these steps
#   FUZZRUNS=1000000 scripts/test.sh    fuzzes each target for longer
#   DECISIONS=10000000 scripts/test.sh  compares more random decisions
set -uo pipefail
cd "$(dirname "$0")/.."

FUZZRUNS=${FUZZRUNS:-3000}
DECISIONS=${DECISIONS:-1000000}
STEPS=${STEPS:-tools gofmt vet staticcheck govulncheck arch tests decisions fuzz conformance}
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT

# need PROGRAM PACKAGE WHY installs a Debian package unless its program is there.
need() { command -v "$1" >/dev/null || install_package "$2" "$3"; }

install_package() {
	echo "installing $1: $2"
	local sudo=
	[ "$(id -u)" = 0 ] || sudo=sudo
	if ! { $sudo apt-get update -qq && $sudo apt-get install -y -qq "$1"; } >"$logs/apt" 2>&1; then
		cat "$logs/apt"
		echo "error: cannot install $1: $2"
		echo "hint: install it in your own way, and run this again"
		return 1
	fi
}

# javascript FOLDER WHAT installs what a folder's lock file has.
javascript() {
	local dir=conformance/clients/$1
	[ $dir/node_modules/.package-lock.json -nt $dir/package-lock.json ] && return
	echo "installing $2 into $dir"
	if ! (cd $dir && npm ci --no-audit --no-fund) >"$logs/npm" 2>&1; then
		cat "$logs/npm"
		echo "error: cannot install $2"
		echo "hint: run npm ci in $dir, and then this again"
		return 1
	fi
}

step_tools() {
	need aws awscli "the conformance tests drive the AWS CLI" &&
		need cc gcc "the race detector needs a C compiler" &&
		need rclone rclone "the conformance tests drive it" &&
		need restic restic "the conformance tests drive it" &&
		need s3cmd s3cmd "the conformance tests drive it" &&
		need curl curl "the conformance tests send with it what browsers send" &&
		need node nodejs "the conformance tests drive the AWS SDK for JavaScript" &&
		need npm npm "it brings the AWS SDK for JavaScript" &&
		{ /usr/bin/python3 -c 'import boto3' 2>/dev/null || install_package python3-boto3 "the conformance tests drive boto3"; } &&
		javascript javascript "the AWS SDK for JavaScript" &&
		javascript oidc-provider "a certified OpenID Connect provider" &&
		go version && aws --version
}

step_gofmt() {
	local files
	files=$(git ls-files '*.go' | wc -l)
	gofmt -l . >"$logs/unformatted" || return 1
	if [ -s "$logs/unformatted" ]; then
		cat "$logs/unformatted"
		echo 'error: these files are not formatted'
		echo 'hint: make fmt'
		return 1
	fi
	least "$files" 80 "formatted files"
}

step_vet() {
	go vet ./... && (cd conformance && go vet ./...) && least "$(go list ./... | wc -l)" 20 "packages vetted"
}

step_staticcheck() {
	go tool -modfile=tools/go.mod staticcheck ./... &&
		(cd conformance && go tool -modfile=../tools/go.mod staticcheck ./...) &&
		least "$(go list ./... | wc -l)" 20 "packages checked"
}

# The database of vulnerabilities is on the network. A machine that cannot reach
# it runs everything else; a finding fails.
step_govulncheck() {
	local log=$logs/vulnerabilities
	if (cd tools && go tool govulncheck -C .. ./...) >"$log" 2>&1; then
		tail -n 5 "$log"
	elif grep -q 'fetching vulnerabilities' "$log"; then
		grep 'fetching vulnerabilities' "$log"
		echo 'NOTE: known vulnerabilities were NOT looked for: their database cannot be reached from here.'
	else
		cat "$log"
		return 1
	fi
}

step_arch() {
	go test -count=1 -v ./internal/arch >"$logs/arch" 2>&1
	local status=$?
	if [ $status = 0 ]; then grep -o 'gate: .*' "$logs/arch"; else grep -v '^=== ' "$logs/arch"; fi
	return $status
}

step_tests() {
	go test -race -v -timeout 15m ./... >"$logs/tests" 2>&1
	local status=$?
	grep -vE '^\s*(=== |--- PASS)|^PASS$|no test files|\[rapid\] OK|: not possible: ' "$logs/tests" | if [ $status = 0 ]; then grep -E '^ok'; else cat; fi
	grep -oE 'decisions: [0-9]+ cases .*' "$logs/tests"
	[ $status = 0 ] && least "$(grep -cE '^\s*--- PASS' "$logs/tests")" 500 "tests and cases passed"
}

# The engine decides random requests as the plain reading of the rules does: a
# million of them, without the race detector, which would take ten times as long.
step_decisions() {
	local log=$logs/decisions
	DECISIONS=$DECISIONS go test -count=1 -v -timeout 60m -run '^TestManyDecisions$' ./policy/eval >"$log" 2>&1
	local status=$?
	grep -vE '^(=== |--- PASS|PASS|ok)' "$log"
	[ $status = 0 ] || return 1
	least "$(grep -oE 'random decisions: [0-9]+' "$log" | grep -oE '[0-9]+')" "$DECISIONS" "random decisions compared" &&
		least "$(grep -oE 'on sets: [0-9]+' "$log" | grep -oE '[0-9]+')" $((DECISIONS / 20)) "random sets of policies"
}

# A fuzz step that runs in the wrong place passes and fuzzes nothing: every
# target must report how often it ran.
step_fuzz() {
	local targets=0 failed=0 file name execs
	while IFS=: read -r file name; do
		targets=$((targets + 1))
		if ! go test -run '^$' -fuzz "^$name\$" -fuzztime "${FUZZRUNS}x" "./$(dirname "$file")" >"$logs/fuzz" 2>&1; then
			cat "$logs/fuzz"
			failed=1
			continue
		fi
		execs=$(grep -oE 'execs: [0-9]+' "$logs/fuzz" | tail -n 1 | grep -oE '[0-9]+')
		least "${execs:-0}" "$FUZZRUNS" "runs of $name" || failed=1
	done < <(git ls-files '*_test.go' | grep -v '^conformance/' | xargs grep -oE '^func Fuzz[A-Za-z0-9_]*' | sed 's/func //')
	least "$targets" 40 "fuzz targets" && [ $failed = 0 ]
}

step_conformance() {
	if ! go test -count=1 -v -run '^TestDecisions$' ./internal/server -awscli >"$logs/decisions" 2>&1; then
		grep -vE '^\s*(=== |--- PASS)|: not possible' "$logs/decisions"
		return 1
	fi
	grep -oE 'decisions: [0-9]+ cases .* AWS CLI .*' "$logs/decisions"
	(cd conformance && go test -count=1 -v -timeout 30m ./...) >"$logs/conformance" 2>&1
	local status=$?
	if [ $status = 0 ]; then grep -E '^(ok|conformance:)' "$logs/conformance"; else grep -vE '^\s*(=== |--- PASS)' "$logs/conformance"; fi
	[ $status = 0 ] && least "$(grep -cE '^\s*--- PASS' "$logs/conformance")" 50 "checks passed through outside clients"
}

# least COUNT FLOOR WHAT prints a count, and fails when it is below the floor.
least() {
	echo "$1 $3"
	[ "$1" -ge "$2" ] && return
	echo "error: $1 $3 are too few to mean anything: at least $2 were expected"
	return 1
}

passed=0
failed=()
summary=
for name in $STEPS; do
	echo "=== $name"
	begun=$SECONDS
	if "step_$name"; then
		passed=$((passed + 1)) result=ok
	else
		failed+=("$name") result=FAILED
	fi
	summary+=$(printf '%-12s %-6s %4d s' "$name" "$result" $((SECONDS - begun)))$'\n'
done

echo
echo "=== summary ($SECONDS s)"
printf '%s' "$summary"
if [ ${#failed[@]} -gt 0 ]; then
	echo "failed: ${failed[*]} (what each printed is above, after its ===)"
fi
echo "$passed passed, ${#failed[@]} failed"
[ ${#failed[@]} = 0 ]
