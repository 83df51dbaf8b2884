package main

// usage is the whole help text. README.md has the same table of flags; a test
// compares them.
const usage = `certsweep scans lists of TLS endpoints and writes one JSON line for each.

Usage:
  certsweep [flags] [FILE|-]...   scan the targets in each FILE, or in standard input
  certsweep check [flags] [FILE|-]...
                                  scan, print what is wrong, and gate on it: see
                                  certsweep check --help
  certsweep demo [flags]          scan a farm of loopback servers that it starts itself

Targets, one a line: host, host:port, address, [v6]:port, URL, prefix/bits,
address,name[,port], rank,name; then attributes: sni=NAME starttls=PROTO tag=TEXT.

Scanning:
  -t, --target T             a target, as a line of a list (repeatable)
  -c, --concurrency N        targets in flight (1000)
      --timeout D            hard limit for one target, look-up included (10s)
      --connect-timeout D    TCP connect to one address (5s)
      --drain-timeout D      most time to read after the handshake; 0: do not drain (1s)
      --drain-bytes N        most data to read after the handshake (64KiB)
      --max-memory SIZE      cap for the whole process (none)
      --rate N               most targets to begin in a second (none)
      --per-host N           most targets of one host in flight together (none)
      --retries N            tries after the first where another may help (0)
      --shard I/N            scan the I-th of N parts of the list, from 1/N to N/N

Addresses:
  -p, --port N[,N]           ports for targets that give none (443)
  -4, --ipv4                 IPv4 only
  -6, --ipv6                 IPv6 only
      --all-ips              probe every address of a name, a record for each
      --resolver HOST[:PORT] name server to ask (repeatable)

Handshake:
      --sni NAME             server name to send where the target gives none
      --no-sni               send no server name
      --alpn P[,P]           application protocols to offer (none)
      --starttls PROTO       protocol to start in, for targets without a scheme
      --min-tls V            lowest version to offer: 1.0 1.1 1.2 1.3 (1.0)
      --max-tls V            highest version to offer (1.3)
      --no-pq                offer no post-quantum key exchange
      --no-rescue            where the handshake shows no certificate, do not ask
                             again with a hello made by hand
      --cert FILE            client certificate, PEM
      --key FILE             its key, PEM (default: in --cert's file)

Trust:
      --ca-file FILE         trust anchors, PEM, in place of --trust's unless that is given too
      --trust WHICH          system, mozilla, or none: no verification (system)

Output:
      --chain                add the certificates after the leaf
      --pem                  add every certificate in PEM
  -o, --output FILE          write to FILE, which must not exist; - is standard output
      --resume               go on with the scan of the same list that FILE is from
      --progress WHEN        progress on standard error: auto, always, never (auto)
  -q, --quiet                no progress, and no summary on standard error
      --summary FILE         write a summary in JSON to FILE
      --debug-addr HOST:PORT serve pprof and expvar there while it runs
      --version              print the version
  -h, --help                 print this text

Every flag can be set in the environment as CERTSWEEP_<FLAG>, such as
CERTSWEEP_CONCURRENCY=200. A duration is 500ms, 10s or 1m30s; a bare number is
seconds. A size is 65536, 64KiB or 1MiB.

Exit status: 0 every target has its record; 1 a check has findings; 2 wrong
usage or unreadable input; 3 could not finish, or there was no target; 130, 143
ended by a signal.

Examples:
  certsweep hosts.txt | jq -r 'select(.status=="ok") | [.host, .certificate.not_after] | @tsv'
  certsweep -t example.com -t 192.0.2.7,example.org,8443 --chain
  certsweep -c 5000 --trust mozilla -o results.jsonl --resume top-1m.csv
`
