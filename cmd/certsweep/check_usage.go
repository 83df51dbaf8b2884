package main

import "github.com/spf13/pflag"

// checkUsage is the whole help text of certsweep check.
func checkUsage() string {
	fs := pflag.NewFlagSet("", pflag.ContinueOnError)
	new(checkOptions).register(fs)
	return checkSynopsis + flagUsage(ofCheck, fs, "What fails", "Reports") + checkList +
		flagUsage(ofCheck, fs, "Scanning", "Addresses", "Handshake", "Trust", "Output") + checkNotes
}

const checkSynopsis = `certsweep check tells what is wrong with the certificates of a list, and fails if that
must not be. It is the gate for pipelines, cron jobs and monitoring.

Usage:
  certsweep check [flags] [FILE|-]...                       scan the list, and judge what it finds
  certsweep check --from RECORDS.jsonl [flags] [FILE|-]...  judge saved records, without network

Without flags, it fails on revoked expired not_yet_valid untrusted self_signed incomplete_chain
chain_expired name_mismatch malformed staple_missing and if less than 14 days are left (or 20 %
of a lifetime under 70 days), and warns about weak_key weak_signature old_protocol weak_cipher
expires_soon chain_expires_soon long_validity.
`

const checkList = `
A report's FILE is replaced as a whole when the check is done, and is left as it was when the
check is stopped.

Expectations stand in the list, behind the target; a mistake there ends with status 2 before
anything is dialed:
  min-days=30  min-lifetime-left=20%  tls=1.3   as the flags, --min-tls for tls=
  issuer="Let's Encrypt"   part of the issuer's name; of several, one
  name=*.example.com       a name that the certificate is good for; of several, all
  pin=sha256/DIGEST        SHA-256 of the public key, in base64 or hex; of several, one
  expect=untrusted         known to be so: passes, and fails once it is not so
  ignore=weak_key          findings to ignore
  optional                 may be down
A line "@defaults ATTRIBUTES" holds for the lines below it, up to the next one.
`

const checkNotes = `
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
