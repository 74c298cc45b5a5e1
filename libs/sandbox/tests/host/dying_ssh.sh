#!/usr/bin/env bash
# An SSH client that dies at its n-th call: before it asks, in the middle of it, or before it can tell the answer.
# Usage: dying_ssh.sh FOLDER COMMAND…; FOLDER/fatal holds "N HOW", FOLDER/count how often it was called.
set -u
folder=$1; shift
read -r fatal how < "$folder/fatal"
count=$(( $(cat "$folder/count") + 1 ))
echo "$count" > "$folder/count"
if [ "$count" -ne "$fatal" ]; then exec "$@"; fi
case $how in
  middle) timeout -s KILL 0.15 "$@" >/dev/null 2>&1 ;;
  after) "$@" >/dev/null 2>&1 ;;
esac
exit 255
