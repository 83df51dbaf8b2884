package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"certsweep/cmd/certsweep-queue/queue"
)

func TestClock(t *testing.T) {
	for _, test := range []struct {
		ahead        time.Duration
		remark, fail string
	}{
		{0, "", ""},
		{3 * time.Second, "", ""},
		{-3 * time.Second, "", ""},
		{20 * time.Second, "20s ahead of the server's", ""},
		{-time.Minute, "1m0s behind the server's", ""},
		{time.Hour, "", "1h0m0s ahead of the server's"},
		{-24 * time.Hour, "", "24h0m0s behind the server's"},
	} {
		remark, err := judgeClock(test.ahead)
		if (test.remark == "") != (remark == "") || !strings.Contains(remark, test.remark) {
			t.Errorf("%v: %q", test.ahead, remark)
		}
		if (test.fail == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), test.fail) {
			t.Errorf("%v: %v", test.ahead, err)
		}
	}
}

// TestListChanged: a list that is written to, cut or replaced while it is put is
// noticed.
func TestListChanged(t *testing.T) {
	for name, change := range map[string]func(list string) error{
		"grown": func(list string) error {
			f, err := os.OpenFile(list, os.O_APPEND|os.O_WRONLY, 0)
			if err == nil {
				_, err = f.WriteString("more\n")
				f.Close()
			}
			return err
		},
		"cut":      func(list string) error { return os.Truncate(list, 1) },
		"touched":  func(list string) error { return os.Chtimes(list, time.Time{}, time.Unix(1, 0)) },
		"replaced": func(list string) error { return os.Rename(list+".new", list) },
		"removed":  os.Remove,
	} {
		list := filepath.Join(t.TempDir(), "list")
		for _, file := range []string{list, list + ".new"} {
			if err := os.WriteFile(file, []byte("a\nb\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		before := stamps([]string{list, "-", os.DevNull})
		if err := unchanged(before); err != nil || len(before) != 1 {
			t.Errorf("%s: %v, %v", name, before, err)
		}
		if err := change(list); err != nil {
			t.Fatal(err)
		}
		if err := unchanged(before); err == nil {
			t.Errorf("%s: not noticed", name)
		}
	}
}

// TestJobsFlags: a job may set what put may, and nothing that is a worker's own.
func TestJobsFlags(t *testing.T) {
	o := new(workOptions)
	for flag, ok := range map[string]bool{
		"--timeout=3s": true, "--trust=mozilla": true, "--alpn=h2,http/1.1": true,
		"--cert=/etc/worker.pem": false, "--key=x": false, "--ca-file=/etc/passwd": false, "--concurrency=100000": false, "--resolver=192.0.2.1": false,
		"--target=x": false, "--from-the-future": false, "--timeout=0": false,
	} {
		options, err := o.options(&queue.Spec{Flags: []string{flag}}, []string{"--concurrency=7"}, "")
		if ok != (err == nil) {
			t.Errorf("%s: %v", flag, err)
		}
		if err == nil && options.Concurrency != 7 {
			t.Errorf("%s: %+v", flag, options)
		}
	}
}
