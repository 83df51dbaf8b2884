package main

// checkUsage is the whole help text of certsweep check. A test compares its
// flags with those that there are.
const checkUsage = `certsweep check tells what is wrong with the certificates of a list, and fails where that
must not be. It is the gate for pipelines, cron jobs and monitoring.

Usage:
  certsweep check [flags] [FILE|-]...                       scan the list, and judge what it finds
  certsweep check --from RECORDS.jsonl [flags] [FILE|-]...  judge saved records, without network

Without flags, it fails on expired not_yet_valid untrusted self_signed incomplete_chain
name_mismatch malformed and where less than 14 days are left (or 20 % of a lifetime under 70
days), and warns of weak_key weak_signature old_protocol weak_cipher expires_soon long_validity.

What fails:
      --fail-on CODES        fail on these findings (a list with commas; repeatable)
      --warn-on CODES        warn of these
      --ignore CODES         say nothing of these
      --min-days N           days that must be left
      --min-lifetime-left P  part of the lifetime that must be left: 20% or 0.2
      --warn-days N          expires_soon: fewer days left than these (30, or a third of a
                             lifetime under 90 days)
      --require-pq           fail on a key exchange that is not post-quantum
      --min-tls V            least version that may be negotiated: 1.0 1.1 1.2 1.3
      --allow-unreachable    pass what is down; what answers wrongly stays unchecked
      --baseline OLD.jsonl   tell what changed since the records of an earlier scan (a warning;
                             --fail-on changed makes it a failure)

Reports:
      --format FORMAT        text json jsonl junit github prometheus nagios markdown (text)
  -o, --output FILE          write that to FILE; - is standard output
      --report FORMAT=FILE   write one more report to FILE (repeatable)
      --from RECORDS.jsonl   judge these records of an earlier scan; - is standard input
                             (repeatable). A list then says what is expected of them

A report's FILE is replaced as a whole when the check is done, and is left as it was when the
check is stopped.

Expectations stand in the list, behind the target; a mistake there ends with status 2 before
anything is dialed:
  min-days=30  min-lifetime-left=20%  tls=1.3   as the flags, --min-tls for tls=
  issuer="Let's Encrypt"   part of the issuer's name; of several, one
  name=*.example.com       a name that the certificate is good for; of several, all
  pin=sha256/DIGEST        SHA-256 of the public key, in base64 or hex; of several, one
  expect=untrusted         known to be so: passes, and fails when it is not so any more
  ignore=weak_key          findings to say nothing of
  optional                 may be down
A line "@defaults ATTRIBUTES" holds for the lines below it, up to the next one.

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
  -p, --port N[,N]           ports for targets that give none (443)
  -4, --ipv4                 IPv4 only
  -6, --ipv6                 IPv6 only
      --all-ips              check every address of a name
      --resolver HOST[:PORT] name server to ask (repeatable)
      --sni NAME             server name to send where the target gives none
      --no-sni               send no server name
      --alpn P[,P]           application protocols to offer (none)
      --starttls PROTO       protocol to start in, for targets without a scheme
      --max-tls V            highest version to offer (1.3); the lowest is always 1.0
      --no-pq                offer no post-quantum key exchange
      --no-rescue            where the handshake shows no certificate, do not ask
                             again with a hello made by hand
      --cert FILE            client certificate, PEM
      --key FILE             its key, PEM (default: in --cert's file)
      --ca-file FILE         trust anchors, PEM, in place of --trust's unless that is given too
      --trust WHICH          system, mozilla, or none: no verification (system)

      --progress WHEN        progress on standard error: auto, always, never (auto)
  -q, --quiet                no progress
      --version              print the version
  -h, --help                 print this text

Every flag can be set in the environment as CERTSWEEP_<FLAG>, such as CERTSWEEP_CA_FILE=root.pem.

Exit status: 0 all was checked and passes (warnings pass); 1 something fails; 2 wrong usage, or a
mistake in the list; 3 nothing fails, but something could not be checked, there was no target, or
a report could not be written; 130, 143 ended by a signal. With --format nagios: 0 OK, 1 WARNING,
2 CRITICAL, 3 UNKNOWN.

Examples:
  certsweep check -t example.com -t 'mail.example.com:25 starttls=smtp min-days=20'
  certsweep check --format github --report markdown="$GITHUB_STEP_SUMMARY" endpoints.txt
  certsweep check -o /var/lib/node_exporter/certsweep.prom --format prometheus endpoints.txt
  certsweep -o today.jsonl endpoints.txt
  certsweep check --from today.jsonl --baseline yesterday.jsonl --fail-on changed
`
