#!/usr/bin/env bash
# s3cmd: sync, listings, ACLs that change nothing, deletion.
set -euo pipefail
ok() { echo "ok $*"; }
echo "client $(s3cmd --version)"
bucket=s3cmd-$(od -An -N6 -tx1 /dev/urandom | tr -d ' ')
host=${ENDPOINT#*://}
: >config
s3() { s3cmd -c config --no-ssl --host="$host" --host-bucket="$host" --access_key="$AWS_ACCESS_KEY_ID" --secret_key="$AWS_SECRET_ACCESS_KEY" "$@"; }
mkdir -p files/sub
head -c 20000000 /dev/urandom >files/big
echo text >"files/sub/ünï code"

s3 mb "s3://$bucket"
s3 -q sync --multipart-chunk-size-mb=5 files/ "s3://$bucket/files/"
s3 -q sync "s3://$bucket/files/" back/
diff -r files back
ok sync, up in parts and down
[ "$(s3 ls -r "s3://$bucket" | wc -l)" = 2 ]
ok a listing
s3 cp "s3://$bucket/files/big" "s3://$bucket/copy"
s3 mv "s3://$bucket/copy" "s3://$bucket/moved"
s3 -q get "s3://$bucket/moved" moved
cmp files/big moved
ok copies and moves within the store
s3 info "s3://$bucket/moved" >/dev/null
s3 setacl --acl-private "s3://$bucket/moved"
ok an ACL that changes nothing
s3 rb --recursive --force "s3://$bucket"
ok the bucket and all in it gone
