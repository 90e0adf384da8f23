#!/usr/bin/env bash
# rclone: copy, check, sync, move, listings, purge; as a user with a folder of his own.
set -euo pipefail
ok() { echo "ok $*"; }
echo "client $(rclone version | head -n 1)"
bucket=rclone-$(od -An -N6 -tx1 /dev/urandom | tr -d ' ')
cat >rclone.conf <<C
[kw]
type = s3
provider = Other
env_auth = true
endpoint = $ENDPOINT
region = us-east-1
C
export RCLONE_CONFIG=$PWD/rclone.conf RCLONE_LOG_LEVEL=ERROR
unset AWS_CA_BUNDLE
mkdir -p files/sub/deeper
for i in 1 2 3 4 5; do head -c $((i * 1000003)) /dev/urandom >"files/f$i"; done
: >files/empty
echo umlaut >"files/sub/ünï code & #%.txt"
echo deep >files/sub/deeper/x

rclone mkdir "kw:$bucket"
rclone copy --s3-chunk-size 5M --s3-upload-cutoff 5M files "kw:$bucket/p"
rclone check --download files "kw:$bucket/p"
ok copy, and check of every byte
echo changed >files/sub/deeper/x
rm files/f1
rclone sync files "kw:$bucket/p"
rclone check files "kw:$bucket/p"
[ "$(rclone lsf -R --files-only "kw:$bucket/p" | wc -l)" = 7 ]
ok sync
rclone copyto "kw:$bucket/p/f2" "kw:$bucket/q/f2"
rclone moveto "kw:$bucket/q/f2" "kw:$bucket/q/moved"
[ "$(rclone lsf "kw:$bucket/q")" = moved ]
rclone cat "kw:$bucket/q/moved" | cmp - files/f2
ok copies and moves within the store
rclone size "kw:$bucket" >/dev/null
[ "$(rclone lsd "kw:$bucket" | wc -l)" = 2 ]
ok listings of folders
rclone purge "kw:$bucket"
ok purge

# As David, who may use one folder of one bucket and list nothing else.
if [ -n "${DAVID_ACCESS_KEY_ID:-}" ]; then
	export AWS_ACCESS_KEY_ID=$DAVID_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY=$DAVID_SECRET_ACCESS_KEY
	rclone copy --s3-no-check-bucket files "kw:$DAVID_BUCKET/home/David/files"
	rclone check files "kw:$DAVID_BUCKET/home/David/files"
	ok a folder of his own
	if rclone copy --s3-no-check-bucket files/f2 "kw:$DAVID_BUCKET/home/Adele/" 2>/dev/null; then echo "David wrote to Adele's folder" >&2; exit 1; fi
	if rclone lsf "kw:$DAVID_BUCKET/home/Adele/" 2>/dev/null; then echo "David listed Adele's folder" >&2; exit 1; fi
	ok and nothing in the folders of others
	rclone delete "kw:$DAVID_BUCKET/home/David/files"
	ok a folder emptied
fi
