#!/bin/sh
# Captures on an interface for a while, writes what certificates were seen to
# seen.jsonl, and checks them: an inventory without a packet sent. What TLS 1.3
# encrypts and what was resumed shows none, and is left out of the check.
#
#   capture.sh INTERFACE SECONDS [CHECK FLAGS...]
set -eu
interface=$1 seconds=$2
shift 2

timeout --preserve-status -s INT "$seconds" tcpdump -i "$interface" -s 0 -w - tcp | certsweep pcap --unique - > seen.jsonl
jq -c 'select(.error.code != "encrypted" and .error.code != "resumed")' seen.jsonl | certsweep check --from - "$@"
