#!/bin/sh
# A queue that others may reach: TLS, and a key (NKey) for each who may. It makes
# both, starts a server, and has a list worked off through it.
#
#   tls.sh LIST DIR [HOST [PORT]]
#
# It needs openssl, and nk: go install github.com/nats-io/nkeys/nk@v0.4.16
set -eu
list=$1 dir=$2 host=${3:-127.0.0.1} port=${4:-4222}
mkdir -p "$dir"
umask 077

# A certificate authority of our own, and the server's certificate. Workers need
# ca.pem alone.
case $host in
*[!0-9.]*) name=DNS:$host ;;
*) name=IP:$host ;;
esac
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 365 -subj "/CN=certsweep queue CA" \
	-keyout "$dir/ca.key" -out "$dir/ca.pem" 2>/dev/null
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 365 -subj "/CN=$host" -CA "$dir/ca.pem" -CAkey "$dir/ca.key" \
	-addext "subjectAltName=$name" -addext basicConstraints=critical,CA:FALSE -keyout "$dir/server.key" -out "$dir/server.pem" 2>/dev/null

# A key for those who put, work and collect. The seed (SU…) is theirs, the server
# has the public half (U…).
nk -gen user -pubout >"$dir/nkey"
sed -n 1p "$dir/nkey" >"$dir/worker.seed"
public=$(sed -n 2p "$dir/nkey")
rm "$dir/nkey"

cat >"$dir/nats.conf" <<END
listen: "$host:$port"
tls: { cert_file: "$dir/server.pem", key_file: "$dir/server.key" }
authorization: { users: [ { nkey: $public } ] }
END
certsweep-queue serve --store "$dir/store" --config "$dir/nats.conf" &
server=$!
trap 'kill $server; wait $server || true' EXIT

export CERTSWEEP_NATS="tls://$host:$port" CERTSWEEP_CREDS="$dir/worker.seed" CERTSWEEP_NATS_CA="$dir/ca.pem"
certsweep-queue work --job first &
until certsweep-queue put --job first --trust none "$list" 2>"$dir/put.log"; do
	kill -0 $server # or it will never be there
	sleep 0.2
done
certsweep-queue collect --job first --follow -o "$dir/records.jsonl"
certsweep-queue drop --job first
