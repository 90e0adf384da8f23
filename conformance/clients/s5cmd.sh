#!/usr/bin/env bash
# s5cmd: many objects at once, in parts, by wildcards; sync, streams, versions.
set -euo pipefail
ok() { echo "ok $*"; }
echo "client s5cmd $(go version -m "$S5CMD" | awk '$1 == "mod" {print $3}')"
bucket=s5cmd-$(od -An -N6 -tx1 /dev/urandom | tr -d ' ')
export S3_ENDPOINT_URL=$ENDPOINT
s5() { "$S5CMD" "$@"; }
quiet() { "$S5CMD" --log error "$@"; }
gone() { # what to list
	if "$S5CMD" ls "$@" >/dev/null 2>refusal; then
		echo "there is still $*"
		exit 1
	fi
}
lines() { wc -l | tr -d ' '; }
mkdir -p files/sub
for i in $(seq 300); do echo "file $i" >"files/sub/$i.txt"; done
echo text >"files/ünï code"
head -c 20000000 /dev/urandom >files/large

quiet mb "s3://$bucket"
quiet cp --part-size 5 files/ "s3://$bucket/files/"
[ "$(s5 --json ls "s3://$bucket/files/*" | lines)" = 302 ]
ok 300 small objects and one in parts
quiet cp "s3://$bucket/files/*" back/
diff -r files back
ok everything got by a wildcard
rm files/sub/1.txt && echo new >files/sub/301.txt
quiet sync --delete files/ "s3://$bucket/files/"
[ "$(s5 ls "s3://$bucket/files/sub/*" | lines)" = 300 ]
gone "s3://$bucket/files/sub/1.txt"
ok a sync that deletes
s5 cat "s3://$bucket/files/sub/2.txt" | diff - files/sub/2.txt
head -c 12000000 files/large | quiet pipe --part-size 5 "s3://$bucket/piped"
s5 cat "s3://$bucket/piped" | cmp - <(head -c 12000000 files/large)
ok streams, also in parts
quiet cp "s3://$bucket/files/large" "s3://$bucket/copy"
quiet mv "s3://$bucket/copy" "s3://$bucket/moved"
s5 cat "s3://$bucket/moved" | cmp - files/large
gone "s3://$bucket/copy"
ok a copy and a move within the store
[ "$(s5 du "s3://$bucket/files/sub/*" | grep -c 'in 300 objects')" = 1 ]
ok sizes
quiet bucket-version --set Enabled "s3://$bucket"
echo newer >newer && quiet cp newer "s3://$bucket/files/sub/2.txt" && quiet rm "s3://$bucket/files/sub/2.txt"
[ "$(s5 ls --all-versions "s3://$bucket/files/sub/2.txt" | lines)" = 3 ]
ok versions, and a delete marker over them
printf 'rm "s3://%s/files/sub/3.txt"\ncp newer "s3://%s/run"\n' "$bucket" "$bucket" | quiet run
s5 cat "s3://$bucket/run" | diff - newer
ok commands from a file
quiet rm --all-versions "s3://$bucket/*"
quiet rb "s3://$bucket"
gone "s3://$bucket"
grep -q NoSuchBucket refusal
ok the bucket and all in it gone
