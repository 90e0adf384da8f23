#!/usr/bin/env bash
# rclone and s3cmd with buckets as they were before April 2023: canned ACLs that
# let everybody read, and objects under keys that only the client has.
set -euo pipefail
ok() { echo "ok $*"; }
echo "client $(rclone version | head -n 1), $(s3cmd --version)"
bucket=legacy-$(od -An -N6 -tx1 /dev/urandom | tr -d ' ')
host=${ENDPOINT#*://}
export RCLONE_CONFIG=$PWD/rclone.conf RCLONE_LOG_LEVEL=ERROR SSL_CERT_FILE=$CERTIFICATE
cat >rclone.conf <<C
[kw]
type = s3
provider = Other
env_auth = true
endpoint = $ENDPOINT
region = us-east-1
[secret]
type = s3
provider = Other
env_auth = true
endpoint = $ENDPOINT
region = us-east-1
chunk_size = 5M
upload_cutoff = 5M
sse_customer_algorithm = AES256
sse_customer_key = 0123456789abcdef0123456789abcdef
C
: >config
s3() { s3cmd -c config --ssl --ca-certs="$CERTIFICATE" --host="$host" --host-bucket="$host" --access_key="$AWS_ACCESS_KEY_ID" --secret_key="$AWS_SECRET_ACCESS_KEY" "$@"; }
anybody() { curl -s -o "$2" -w '%{http_code}' --cacert "$CERTIFICATE" "$ENDPOINT/$bucket/$1"; }
head -c 12000000 /dev/urandom >large
echo public >page

rclone mkdir "kw:$bucket"
rclone copyto --s3-acl public-read page "kw:$bucket/page"
rclone copyto page "kw:$bucket/private"
[ "$(anybody page got)" = 200 ] && cmp page got
[ "$(anybody private got)" = 403 ]
ok an ACL that rclone gives with an object
s3 setacl --acl-public "s3://$bucket/private"
[ "$(anybody private got)" = 200 ]
s3 info "s3://$bucket/private" >shown
grep -q 'ACL:.*\*anon\*: READ' shown
s3 setacl --acl-private "s3://$bucket/private"
[ "$(anybody private got)" = 403 ]
ok an ACL that s3cmd gives, shows and takes back
s3 setacl --acl-public "s3://$bucket"
[ "$(anybody '' got)" = 200 ] && grep -q '<Key>page</Key>' got
s3 setacl --acl-private "s3://$bucket"
[ "$(anybody '' got)" = 403 ]
ok an ACL of the bucket

rclone copyto large "secret:$bucket/secret"
rclone cat "secret:$bucket/secret" | cmp - large
rclone cat --offset 7000000 --count 1000 "secret:$bucket/secret" | cmp - <(tail -c +7000001 large | head -c 1000)
ok an object under a key of its own, in parts, whole and in ranges
# rclone takes what it cannot look at for a folder with nothing in it.
[ "$(rclone cat "kw:$bucket/secret" | wc -c)" = 0 ]
[ "$(rclone cat --s3-sse-customer-key 0123456789abcdef0123456789abcdeX "secret:$bucket/secret" | wc -c)" = 0 ]
ok and not without the key
rclone copyto "secret:$bucket/secret" "secret:$bucket/copy"
rclone cat "secret:$bucket/copy" | cmp - large
ok a copy within the store, under the key
rclone purge "kw:$bucket"
ok all of it gone
