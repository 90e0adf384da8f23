#!/usr/bin/env bash
# restic: repositories, with backup, one that is killed, check, restore, forget and
# prune, and copies between them.
set -euo pipefail
ok() { echo "ok $*"; }
echo "client $(restic version)"
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
restic dump latest "/files/sub/ünï code" | cmp - files/sub/ünï\ code
diff -r files "restored/$PWD/files" 2>/dev/null || diff -r files restored/files
ok restore

# A backup that is killed leaves a lock and packs, and is begun again.
head -c 60000000 /dev/urandom >files/large
restic -q backup --limit-upload 4000 files &
killed=$!
for _ in $(seq 300); do
	[ -z "$(restic list locks --no-lock --quiet)" ] || break
	sleep 0.1
done
kill -9 $killed
wait $killed 2>/dev/null || true
restic -q unlock --remove-all
restic -q backup files
restic -q check --read-data
rm files/large
ok a backup killed and begun again
export RESTIC_FROM_REPOSITORY=$RESTIC_REPOSITORY RESTIC_FROM_PASSWORD=$RESTIC_PASSWORD RESTIC_REPOSITORY=$RESTIC_REPOSITORY-2
restic -q init --copy-chunker-params
restic -q copy
restic -q check --read-data
ok a copy of the repository
