package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestConsumers: programs that people analyse results with read them as they
// stand, and agree on what is in them.
func TestConsumers(t *testing.T) {
	if testing.Short() {
		t.Skip("scans the demo's servers")
	}
	t.Parallel()
	dir := t.TempDir()
	fields := "tag,status,error.code,certificate.days_left,certificate.subject.dn,certificate.dns_names,tls.post_quantum,findings"
	// The second scan is another farm, with other ports: the first one counts.
	for _, args := range [][]string{{"--format", "jsonl", "-o", "all.jsonl"}, {"--format", "csv", "-o", "all.csv"}, {"--format", "csv", "--fields", fields, "-o", "some.csv"}} {
		cmd := command(append([]string{"demo", "-q", "--timeout", "1s"}, args...)...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	records, err := os.ReadFile(filepath.Join(dir, "all.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	n := strings.Count(string(records), "\n")
	if n < 80 {
		t.Fatalf("%d records", n)
	}

	for _, tool := range []struct{ name, command, want string }{
		{"sqlite3", `sqlite3 :memory: '.mode csv' '.import all.csv r' 'select count(*), count(distinct tag), (select "error.code" from r where tag = "silent"), (select findings from r where tag = "expired") from r'`, "N,N,timeout,expired"},
		{"sqlite3", `sqlite3 :memory: '.mode csv' '.import some.csv r' 'select count(*) from r where "certificate.days_left" < 0 and "certificate.subject.dn" <> ""; select "tls.post_quantum" from r where tag = "good"'`, "1\ntrue"},
		{"mlr", `mlr --icsv --ojsonl filter '$tag == "good"' then cut -o -f status,tls.post_quantum,findings some.csv | tr -d ' '`, `{"status":"ok","tls":{"post_quantum":"true"},"findings":""}`},
		{"mlr", `mlr --icsv --ocsv --headerless-csv-output stats1 -a count -f line all.csv`, "N"},
		{"mlr", `mlr --ijsonl --ocsv --headerless-csv-output filter '$tag == "expired"' then put -q 'print $certificate["days_left"] . " " . $findings[1]' all.jsonl`, "-10 expired"},
		{"jq", `jq -rs 'length' all.jsonl`, "N"},
		{"python3", `python3 -c 'import csv; r = list(csv.DictReader(open("all.csv", newline=""))); print(len(r), len({len(x) for x in r}), [x["status"] for x in r if x["tag"] == "good"])'`, "N 1 ['ok']"},
	} {
		t.Run(tool.name, func(t *testing.T) {
			if _, err := exec.LookPath(tool.name); err != nil {
				t.Skipf("%s is not installed", tool.name)
			}
			cmd := exec.Command("sh", "-c", tool.command)
			cmd.Dir = dir
			out, err := cmd.CombinedOutput()
			got := strings.TrimSpace(strings.ReplaceAll(string(out), "\r", ""))
			if want := strings.ReplaceAll(tool.want, "N", strconv.Itoa(n)); err != nil || got != want {
				t.Errorf("%s\n%v\ngot  %s\nwant %s", tool.command, err, got, want)
			}
		})
	}
}
