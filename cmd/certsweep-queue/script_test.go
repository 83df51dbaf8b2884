package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"certsweep/cmd/certsweep-queue/server"
	"certsweep/dialer/dialertest"
	"certsweep/results"
)

// TestScripts runs the scripts in testdata/queue. Each has a server at $NATS and
// the farm of dialertest: $root is the file of its trust anchor. In their files,
// $GOOD is the target of the case "good", and $GOOD_INPUT what its record repeats
// of it. Beside testscript's own, there are the commands
//
//	status N certsweep-queue ...   run, and expect the exit status N
//	pick FILE KEY...               print these fields of each record, by line
func TestScripts(t *testing.T) {
	farm, err := dialertest.Start("good", "expired", "refused")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(farm.Close)
	testscript.Run(t, testscript.Params{
		Dir:                 "../../testdata/queue",
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			s, err := server.Start(t.Context(), server.Options{Store: filepath.Join(env.WorkDir, ".store"), Listen: "127.0.0.1:0"})
			if err != nil {
				return err
			}
			env.Defer(s.Close)
			env.Setenv("NATS", s.URL())
			root := filepath.Join(env.WorkDir, ".root.pem")
			env.Setenv("root", root)
			return errors.Join(os.WriteFile(root, farm.RootPEM(), 0o600), fillIn(env.WorkDir, farm))
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"status": scriptStatus, "pick": scriptPick},
	})
}

// fillIn puts targets into a script's files.
func fillIn(dir string, farm *dialertest.Farm) error {
	var names []string
	for _, e := range farm.Endpoints {
		name := "$" + strings.ToUpper(e.Name)
		input, _, _ := strings.Cut(e.Target(), " ")
		names = append(names, name+"_INPUT", input, name, e.Target())
	}
	replacer := strings.NewReplacer(names...)
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	for _, file := range files {
		data, readErr := os.ReadFile(file)
		if readErr != nil {
			continue // a directory
		}
		err = errors.Join(err, os.WriteFile(file, []byte(replacer.Replace(string(data))), 0o600))
	}
	return err
}

func scriptStatus(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status N command [argument...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	if _, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
		ts.Fatalf("%v", err)
	}
	if got := exitStatus(err); got != want {
		ts.Fatalf("exit status %d, want %d", got, want)
	}
}

// scriptPick prints fields by their path in the JSON; a missing one is "-".
func scriptPick(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: pick FILE KEY...")
	}
	type row struct {
		line int
		text string
	}
	var rows []row
	text := ts.ReadFile(args[0])
	for r, err := range results.Decode(strings.NewReader(text)) {
		ts.Check(err)
		data, err := json.Marshal(r)
		ts.Check(err)
		var record map[string]any
		ts.Check(json.Unmarshal(data, &record))
		var columns []string
		for _, key := range args[1:] {
			columns = append(columns, field(record, key))
		}
		rows = append(rows, row{r.Line, strings.Join(columns, "\t")})
	}
	slices.SortFunc(rows, func(a, b row) int { return cmp.Compare(a.line, b.line) })
	for _, row := range rows {
		fmt.Fprintln(ts.Stdout(), row.text)
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
	return fmt.Sprint(value)
}
