package main

import (
	"fmt"
	"slices"
	"strings"

	"certsweep/cmd/internal/flags"
)

// elsewhere has flags of curl, openssl, tlsx, zgrab2, nmap, sslscan, sslyze,
// testssl.sh and check_ssl_cert, and what does the same here. A word without an
// equivalent is not in it.
var elsewhere = func() map[string]string {
	hints := make(map[string]string)
	for _, row := range []struct{ words, hint string }{
		{"-k --insecure --no-check-certificate --no-verify", "write --trust none: the chain is then not verified. (Without it, a scan reports what is not trusted, and goes on.)"},
		{"--cacert -cacert -cc -CAfile --CAfile --root-cas --rootcert --ca -trusted --truststore", "write --ca-file FILE."},
		{"--capath -CApath", "write --ca-file FILE, with all roots in one file: cat DIR/*.pem."},
		{"-servername --servername --server-name --sni-name", "write --sni NAME, or the target ADDRESS,NAME; for many names, --names FILE."},
		{"-noservername", "write --no-sni."},
		{"--resolve --connect-to", "write the target ADDRESS,NAME,PORT: it dials ADDRESS and asks for NAME."},
		{"-connect --connect -u -host --host -H --url --hostname", "write -t HOST:PORT, or just HOST:PORT."},
		{"-l -list --list -i -iL -f --file --input --input-file --targets --targets-file --targets_in --hosts-file", "name the list without a flag: certsweep FILE."},
		{"-showcerts --show-certificate --show-certificates -tc -tls-chain --tls-chain", "write --chain; with --pem, the certificates are in it."},
		{"--interface --source-ip --src-ip --bind --bind-address -S -e", "write --source ADDRESS, or --source INTERFACE."},
		{"-x --socks5 --socks5-hostname -px -socks5", "write --proxy socks5://HOST:PORT, or --proxy http://HOST:PORT."},
		{"--next-protos -nextprotoneg", "write --alpn h2,http/1.1."},
		{"-tls1 -tls1_1 -tls1_2 -tls1_3 --tls10 --tls11 --tls12 --tls13", "write --min-tls V --max-tls V."},
		{"--tlsv1.0 --tlsv1.1 --tlsv1.2 --tlsv1.3 --min-version -min-version", "write --min-tls V."},
		{"--tls-max --max-version -max-version", "write --max-tls V."},
		{"--client-cert --certificates", "write --cert FILE, and --key FILE if it is not in the same."},
		{"--private-key", "write --key FILE."},
		{"--threads --workers --senders --parallel --jobs -T", "write --concurrency N (-c N)."},
		{"--max-time --timeout-ms -w", "write --timeout D, such as 5s."},
		{"--max-rate --rate-limit -rl --delay -delay", "write --rate N: targets a second."},
		{"-retry --retry --max-retries", "write --retries N."},
		{"-r -resolvers --resolvers --dns-servers --nameserver --nameservers", "write --resolver ADDRESS."},
		{"--scan-all-ips -sa -scan-all-ips", "write --all-ips."},
		{"--connections-per-host", "write --per-host N."},
		{"-s --silent -silent --no-progress", "write -q (--quiet)."},
		{"--output-file --out --json_out --jsonfile --json-output", "write --output FILE (-o FILE); it is JSON Lines."},
		{"-j --json -json --jsonl -jsonl", "records are JSON Lines already: leave it out; --format json makes one array of them."},
		{"--csv -csv", "write --format csv."},
		{"--xml ", "write certsweep check --report junit=FILE, or --format json."},
		{"--metadata-file", "write --summary FILE."},
		{"-V", "write --version."},
		{"--starttls-smtp", "write --starttls smtp."},
		{"--starttls-imap", "write --starttls imap."},
		{"--starttls-pop3", "write --starttls pop3."},
		{"--starttls-ftp", "write --starttls ftp."},
		{"--starttls-ldap", "write --starttls ldap."},
		{"--starttls-xmpp", "write --starttls xmpp."},
		{"--starttls-psql", "write --starttls postgres."},
		{"--starttls-mysql", "write --starttls mysql."},
		{"-P --protocol", "write --starttls PROTOCOL."},
		{"--critical --days -checkend", "write certsweep check --min-days N."},
		{"--warning", "write certsweep check --warn-days N."},
		{"-ex -expired --expired -ss -self-signed --self-signed -mm -mismatched --mismatched -re -revoked -un -untrusted --untrusted", "each record has it among its findings; certsweep check fails on it."},
		{"-san -cn -so -tv -tls-version -cipher -hash -serial -wc --san --cn --so --serial", "each record has it: certsweep ... | jq ."},
		{"-Pn -sV -sT -sS -n -T4 --open", "leave it out: certsweep only connects to the ports of its targets."},
		{"--no-colour --no-color", "set NO_COLOR=1 in the environment."},
	} {
		for word := range strings.FieldsSeq(row.words) {
			hints[word] = row.hint
		}
	}
	return hints
}()

// elsewhereOf returns what to write instead of a flag that one of the commands
// does not have.
func elsewhereOf(command string) func(string) string {
	return func(word string) string {
		if word == "--fast" {
			return "a fast scan has no server prove its key, so that nothing could pass: leave it out. (certsweep --fast scans.)"
		}
		if name, ok := strings.CutPrefix(word, "--"); ok {
			for _, other := range commands() {
				if other.describe == nil || other.name == command {
					continue
				}
				described := other.describe()
				if slices.ContainsFunc(slices.Collect(flagNames(described)), func(n string) bool { return n == name }) {
					return fmt.Sprintf("--%s is a flag of %s: see %s --help", name, described.Name, described.Name)
				}
			}
		}
		return elsewhere[word]
	}
}

func flagNames(c *flags.Command) func(func(string) bool) {
	return func(yield func(string) bool) {
		for f := range c.Has {
			if !yield(f.Name) {
				return
			}
		}
	}
}
