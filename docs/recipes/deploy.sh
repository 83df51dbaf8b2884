#!/bin/sh
# Deploys, and fails unless every endpoint of a list then serves a certificate
# that passes. It tells which certificates the deployment changed.
#
#   deploy.sh LIST COMMAND [ARGUMENT...]
set -eu
list=$1
shift
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

certsweep --quiet --output "$work/before.jsonl" "$list"
"$@"
# The status is left to jq, which does not pass what a check that was stopped
# leaves: no document, or half of one. (-s, since jq 1.6 takes none for true.)
certsweep check --quiet --format json --baseline "$work/before.jsonl" "$list" >"$work/after.json" || true

jq -r '.verdicts[] | .host as $host | .sni as $sni | .problems[]
	| "\(.level): \($sni // $host): \(.message)"' "$work/after.json"
jq -es 'length == 1 and .[0].summary.exit_status == 0' "$work/after.json" >/dev/null
