package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"certsweep/cmd/internal/scan"
	"certsweep/dialer"
	"certsweep/results"
	"certsweep/scanner"
)

// million is a list's length.
const million = 1_000_000

// millionRun is what the role "million" reports.
type millionRun struct {
	Records int
	Lines   int64 // sum of the lines' numbers: that the records are the right ones
	// PeakKiB is the peak of resident memory. Wait's rusage would count the
	// memory of the process that started this one.
	PeakKiB float64
}

// BenchmarkMillionLines scans a million lines with probes that answer at once
// and reports the peak of resident memory: of the whole list, of one of four
// shards, and of a list of which the first half is in a journal, or every other
// line, which is the worst that can be.
func BenchmarkMillionLines(b *testing.B) {
	list := writeMillion(b)
	const all, half = million * (million + 1) / 2, million / 2
	for _, part := range []struct {
		args []string
		want millionRun
	}{
		{[]string{"shard", "1/1"}, millionRun{Records: million, Lines: all}},
		{[]string{"shard", "1/4"}, millionRun{Records: 250487, Lines: 125418619438}},
		{[]string{"journal", "half"}, millionRun{Records: half, Lines: all - half*(half+1)/2}},
		{[]string{"journal", "alternate"}, millionRun{Records: half, Lines: half * (half + 1)}},
	} {
		b.Run(strings.Join(part.args, "="), func(b *testing.B) {
			peak := 0.0
			for b.Loop() {
				run := runMillion(b, append(part.args, list)...)
				peak = max(peak, run.PeakKiB)
				if run.PeakKiB = 0; run != part.want {
					b.Fatalf("%+v, want %+v", run, part.want)
				}
			}
			b.ReportMetric(peak/1024, "peak-MiB")
		})
	}
}

func writeMillion(b *testing.B) string {
	b.Helper()
	var list strings.Builder
	for i := range million {
		fmt.Fprintf(&list, "host-%07d.example.com\n", i)
	}
	name := filepath.Join(b.TempDir(), "list")
	if err := os.WriteFile(name, []byte(list.String()), 0o600); err != nil {
		b.Fatal(err)
	}
	return name
}

func runMillion(b *testing.B, args ...string) (run millionRun) {
	b.Helper()
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), roleVariable+"=million")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err == nil {
		err = json.Unmarshal(out, &run)
	}
	if err != nil {
		b.Fatal(err)
	}
	return run
}

// millionRole scans a list with a probe that fails at once, in place of the
// network: "shard I/N FILE", or "journal half|alternate FILE".
func millionRole() int {
	file, err := os.Open(os.Args[3])
	if err != nil {
		return fail(err)
	}
	defer file.Close()
	targets := scanner.Defaults{}.Apply(scanner.ReadTargets(file, nil))
	if os.Args[1] == "shard" {
		shard, err := scanner.ParseShard(os.Args[2])
		if err != nil {
			return fail(err)
		}
		targets = shard.Apply(targets)
	} else {
		journal, err := millionJournal(file, os.Args[2] == "half")
		if err != nil {
			return fail(err)
		}
		targets = journal.Rest(targets)
	}
	refused := &dialer.Error{Phase: dialer.PhaseConnect, Code: dialer.CodeRefused, Err: errors.New("connection refused")}
	s := scanner.Scanner{Probe: func(context.Context, dialer.Endpoint, *dialer.Handshake) error {
		return refused
	}}
	var run millionRun
	encoder := results.NewEncoder(io.Discard)
	if err := s.Scan(context.Background(), targets, func(r *results.Record) error {
		run.Records++
		run.Lines += int64(r.Line)
		return encoder.Encode(r)
	}); err != nil {
		return fail(err)
	}
	run.PeakKiB = float64(scan.PeakRSS()) / 1024
	if err := json.NewEncoder(os.Stdout).Encode(run); err != nil {
		return fail(err)
	}
	return 0
}

// millionJournal returns a journal in which half of the list is done, and
// leaves the list at its beginning.
func millionJournal(list io.ReadSeeker, first bool) (*scanner.Journal, error) {
	written, w := io.Pipe()
	go func() {
		encoder := results.NewEncoder(w)
		for i := range million {
			if first && i >= million/2 || !first && i%2 == 1 {
				continue
			}
			host := fmt.Sprintf("host-%07d.example.com", i)
			encoder.Encode(&results.Record{Schema: results.SchemaVersion, Line: i + 1, Input: host, Host: host, Port: 443})
		}
		w.CloseWithError(encoder.Flush())
	}()
	journal := new(scanner.Journal)
	if _, err := results.ReadJournal(written, journal.Add); err != nil {
		return nil, err
	}
	total, err := journal.Check(scanner.Defaults{}.Apply(scanner.ReadTargets(list, nil)))
	if err == nil && (total != million || journal.Len() != million/2) {
		err = fmt.Errorf("%d of %d are done", journal.Len(), total)
	}
	if err == nil {
		_, err = list.Seek(0, io.SeekStart)
	}
	return journal, err
}
