package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"certsweep/dialer/dialertest"
	"certsweep/results"
)

// TestScripts runs the scripts in testdata/script. Each has the farm of
// dialertest at hand: $root is the file of its trust anchor, and for the case
// "tls12-rsa" $TLS12_RSA is the target "address,name,port"; $lists and $captures
// are those of testdata. Beside testscript's
// own, there are the commands
//
//	status N certsweep ...   run, and expect the exit status N
//	pick FILE KEY...         print these fields of each record, separated by tabs
func TestScripts(t *testing.T) {
	farm, err := dialertest.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(farm.Close)
	testscript.Run(t, testscript.Params{
		Dir:                 "../../testdata/script",
		UpdateScripts:       os.Getenv("UPDATE_SCRIPTS") != "",
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			for _, e := range farm.Endpoints {
				env.Setenv(strings.ToUpper(strings.ReplaceAll(e.Name, "-", "_")), e.Target())
			}
			captures, err := filepath.Abs("../../testdata/captures")
			if err != nil {
				return err
			}
			env.Setenv("captures", captures)
			chain, key := dialertest.PEM(farm.CA().Issue(dialertest.Leaf{CommonName: "client"}))
			for name, data := range map[string][]byte{
				"root": farm.RootPEM(), "clientcert": chain, "clientkey": key,
			} {
				file := filepath.Join(env.WorkDir, "."+name+".pem")
				if err := os.WriteFile(file, data, 0o600); err != nil {
					return err
				}
				env.Setenv(name, file)
			}
			lists, err := filepath.Abs("../../testdata/lists")
			env.Setenv("lists", lists)
			return err
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"status": scriptStatus,
			"pick":   scriptPick,
		},
	})
}

func scriptStatus(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status N command [argument...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	err = ts.Exec(args[1], args[2:]...)
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		got = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if got != want {
		ts.Fatalf("exit status %d, want %d", got, want)
	}
}

// scriptPick prints fields by their path in the JSON, such as
// certificate.subject.common_name; a missing one is "-".
func scriptPick(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: pick FILE KEY...")
	}
	var records []map[string]any
	lines := ts.ReadFile(args[0])
	// Decode tells records from other JSON.
	for _, err := range results.Decode(strings.NewReader(lines)) {
		ts.Check(err)
	}
	for line := range strings.Lines(lines) {
		var record map[string]any
		ts.Check(json.Unmarshal([]byte(line), &record))
		records = append(records, record)
	}
	for _, record := range records {
		var columns []string
		for _, key := range args[1:] {
			columns = append(columns, field(record, key))
		}
		fmt.Fprintln(ts.Stdout(), strings.Join(columns, "\t"))
	}
}

func field(record map[string]any, path string) string {
	var value any = record
	for key := range strings.SplitSeq(path, ".") {
		object, ok := value.(map[string]any)
		if !ok {
			return "-"
		}
		value = object[key]
	}
	switch v := value.(type) {
	case nil:
		return "-"
	case string:
		return v
	}
	text, _ := json.Marshal(value)
	return string(text)
}
