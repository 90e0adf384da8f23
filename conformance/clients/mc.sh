#!/usr/bin/env bash
# MinIO's mc: mirrors, streams, metadata and tags, versions, a lifecycle rule,
# presigned URLs, a refused public policy, Object Lock.
set -euo pipefail
ok() { echo "ok $*"; }
echo "client mc $(go version -m "$MC" | awk '$1 == "mod" {print $3}')"
bucket=mc-$(od -An -N6 -tx1 /dev/urandom | tr -d ' ')
export MC_CONFIG_DIR=$PWD/config MC_NO_COLOR=1 MC_DISABLE_PAGER=1
export MC_HOST_kw="${ENDPOINT%%://*}://$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY@${ENDPOINT#*://}"
mc() { "$MC" --quiet "$@"; }
refused() { # pattern command...
	local pattern=$1
	shift
	if mc "$@" >refusal 2>&1; then
		echo "not refused: $*"
		exit 1
	fi
	grep -q "$pattern" refusal || { cat refusal; exit 1; }
}
lines() { wc -l | tr -d ' '; }
mkdir -p files/sub
for i in $(seq 100); do echo "file $i" >"files/sub/$i.txt"; done
echo text >"files/ünï code"
head -c 80000000 /dev/urandom >files/large

mc mb "kw/$bucket" >/dev/null
mc mirror files "kw/$bucket/files" >/dev/null
[ "$(mc ls --recursive --json "kw/$bucket" | lines)" = 102 ]
mc mirror "kw/$bucket/files" back >/dev/null
diff -r files back
ok a mirror up, in parts, and down
rm files/sub/1.txt
mc mirror --remove --overwrite files "kw/$bucket/files" >/dev/null
refused 'does not exist' stat "kw/$bucket/files/sub/1.txt"
[ "$(mc diff files "kw/$bucket/files" | lines)" = 0 ]
ok a mirror that removes, and no difference after it
mc pipe "kw/$bucket/piped" <files/large >/dev/null
mc cat "kw/$bucket/piped" | cmp - files/large
[ "$(mc head --lines 1 "kw/$bucket/files/sub/2.txt")" = 'file 2' ]
ok streams
mc cp "kw/$bucket/files/large" "kw/$bucket/copy" >/dev/null
mc mv "kw/$bucket/copy" "kw/$bucket/moved" >/dev/null
mc cat "kw/$bucket/moved" | cmp - files/large
ok a copy and a move within the store
mc cp --attr 'x-amz-meta-colour=red' --tags 'team=a&kind=b' "files/ünï code" "kw/$bucket/tagged" >/dev/null
mc stat --json "kw/$bucket/tagged" | grep -qi '"X-Amz-Meta-Colour": *"red"'
mc tag list --json "kw/$bucket/tagged" | grep -q '"team": *"a"'
mc tag set "kw/$bucket" owner=me >/dev/null
mc tag list --json "kw/$bucket" | grep -q '"owner": *"me"'
ok metadata, and tags of objects and buckets
mc version enable "kw/$bucket" >/dev/null
echo newer | mc pipe "kw/$bucket/tagged" >/dev/null
mc rm "kw/$bucket/tagged" >/dev/null
[ "$(mc ls --versions --json "kw/$bucket/tagged" | lines)" = 3 ]
mc undo --force "kw/$bucket/tagged" >/dev/null
[ "$(mc cat "kw/$bucket/tagged")" = newer ]
ok versions, and a deletion undone
mc ilm rule add --expire-days 7 --prefix tmp/ "kw/$bucket" >/dev/null
[ "$(mc ilm rule ls --json "kw/$bucket" | grep -c '"Prefix": *"tmp/"')" = 1 ]
mc ilm rule rm --all --force "kw/$bucket" >/dev/null
ok a lifecycle rule
url=$(mc share download --json "kw/$bucket/tagged" | sed -n 's/.*"share": *"\([^"]*\)".*/\1/p' | sed 's/\\u0026/\&/g')
[ "$(curl -sf "$url")" = newer ]
ok a presigned URL
refused 'BlockPublicPolicy\|Access Denied' anonymous set download "kw/$bucket"
ok a public policy that Block Public Access refuses
mc mb --with-lock "kw/$bucket-locked" >/dev/null
echo kept | mc pipe "kw/$bucket-locked/held" >/dev/null
mc legalhold set "kw/$bucket-locked/held" >/dev/null
refused 'WORM\|locked\|Access Denied' rm --versions --force "kw/$bucket-locked/held"
mc legalhold clear "kw/$bucket-locked/held" >/dev/null
mc retention set governance 1d "kw/$bucket-locked/held" >/dev/null
refused 'WORM\|locked\|Access Denied' rm --versions --force "kw/$bucket-locked/held"
mc rm --versions --force --bypass "kw/$bucket-locked/held" >/dev/null
ok a legal hold, and retention that is bypassed
mc rb --force "kw/$bucket-locked" >/dev/null
mc rm --recursive --versions --force "kw/$bucket" >/dev/null
mc rb "kw/$bucket" >/dev/null
refused 'does not exist' ls "kw/$bucket"
ok the buckets and all in them gone
