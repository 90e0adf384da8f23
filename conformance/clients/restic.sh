#!/usr/bin/env bash
# restic: a repository, with backup, check, restore, forget and prune.
set -euo pipefail
ok() { echo "ok $*"; }
bucket=restic-$(od -An -N6 -tx1 /dev/urandom | tr -d ' ')
export RESTIC_REPOSITORY=s3:$ENDPOINT/$bucket/repository RESTIC_PASSWORD=correct-horse RESTIC_CACHE_DIR=$PWD/cache
unset AWS_CA_BUNDLE
mkdir -p files/sub
for i in 1 2 3; do head -c $((i * 3000000)) /dev/urandom >"files/f$i"; done
echo text >"files/sub/ünï code"

restic -q init
ok init
restic -q backup files
restic -q check --read-data
ok backup, and check of every byte
cp files/f2 files/sub/f2
rm files/f1
restic -q backup files
restic -q forget --keep-last 1 --prune
[ "$(restic snapshots --json | grep -o short_id | wc -l)" = 1 ]
restic -q check --read-data
ok forget and prune
restic -q restore latest --target restored
diff -r files "restored/$PWD/files" 2>/dev/null || diff -r files restored/files
ok restore
