package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// sourceFile is a Go file of the module that is no test.
type sourceFile struct {
	dir  string // relative to the module's root, with slashes
	name string
	fset *token.FileSet
	ast  *ast.File
}

func (f sourceFile) position(n ast.Node) string {
	p := f.fset.Position(n.Pos())
	return path.Join(f.dir, f.name) + ":" + strconv.Itoa(p.Line)
}

// library reports whether the file belongs to what others may import.
func (f sourceFile) library() bool { return !strings.HasPrefix(f.dir, "cmd/") }

func sourceFiles(t *testing.T) []sourceFile {
	t.Helper()
	const root = "../.."
	var files []sourceFile
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return err
		}
		fset := token.NewFileSet()
		parsed, err := parser.ParseFile(fset, name, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		dir, err := filepath.Rel(root, filepath.Dir(name))
		files = append(files, sourceFile{filepath.ToSlash(dir), filepath.Base(name), fset, parsed})
		return err
	})
	if err != nil || len(files) < 20 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	return files
}

// within reports whether a package is dir or below it.
func within(dir, root string) bool { return dir == root || strings.HasPrefix(dir, root+"/") }

// module returns the module's path, which a release may have another of.
func module(t *testing.T) string {
	t.Helper()
	mod, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	name, ok := strings.CutPrefix(strings.SplitN(string(mod), "\n", 2)[0], "module ")
	if !ok {
		t.Fatal("go.mod does not begin with the module")
	}
	return name
}

// TestImportsRunOneWay holds the rules of the layout: cmd/certsweep imports
// scanner, scanner imports dialer and results, and these do not know each
// other.
func TestImportsRunOneWay(t *testing.T) {
	// allowed has, for an import, the directories whose files may have it.
	allowed := []struct {
		prefix string
		dirs   []string
	}{
		{"certsweep/cmd/internal", []string{"cmd"}},
		{"certsweep/cmd/certsweep-queue", []string{"cmd/certsweep-queue"}},
		{"certsweep/cmd", nil},
		{"certsweep/scanner/list", []string{"cmd", "scanner"}},
		{"certsweep/scanner", []string{"cmd", "scanner"}},
		{"certsweep/dialer/dialertest", []string{"cmd/certsweep", "cmd/certsweep-queue"}},
		{"certsweep/dialer/starttls", []string{"dialer"}},
		{"certsweep/dialer/proxy", []string{"dialer", "cmd/internal/scan"}},
		{"certsweep/dialer", []string{"cmd", "scanner", "dialer"}},
		{"certsweep/results/resultstest", nil},
		{"certsweep/results", []string{"cmd", "scanner", "results"}},
		{"github.com/spf13/pflag", []string{"cmd/internal/flags"}},
		{"github.com/nats-io", []string{"cmd/certsweep-queue"}},
		{"github.com/schollz/progressbar", []string{"cmd/certsweep", "cmd/certsweep-queue"}},
		{"golang.org/x/term", []string{"cmd/certsweep", "cmd/certsweep-queue"}},
		{"golang.org/x/sync", []string{"scanner", "dialer"}},
		{"net/http", []string{"cmd"}},
		{"github.com/gopacket/gopacket", []string{"scanner/capture"}},
		{"github.com/andybalholm/brotli", []string{"dialer/hello"}},
		{"github.com/klauspost/compress", []string{"dialer/hello", "scanner", "cmd/certsweep-queue"}},
		{"flag", nil},
		// Metrics are served by a command; a library has records and verdicts. The
		// web configuration of Prometheus's exporters wants a slog.Logger.
		{"github.com/prometheus", []string{"cmd"}},
		{"log/slog", []string{"cmd"}},
		{"log", nil},
		{"testing", []string{"results/resultstest"}},
	}
	for _, f := range sourceFiles(t) {
		for _, spec := range f.ast.Imports {
			imported, _ := strconv.Unquote(spec.Path.Value)
			for _, rule := range allowed {
				if !within(imported, rule.prefix) {
					continue
				}
				if !slices.ContainsFunc(rule.dirs, func(dir string) bool { return within(f.dir, dir) }) {
					t.Errorf("%s imports %s", f.position(spec), imported)
				}
				break
			}
		}
	}
}

// TestRoomsByThemselves: a STARTTLS protocol is spoken, a hello is written and
// read, a certificate and a list are read without sight of anything else of certsweep;
// a server is fingerprinted with hellos alone; and the servers of reach meet the
// dialer in tests alone.
func TestRoomsByThemselves(t *testing.T) {
	rooms := map[string]int{"dialer/starttls": 0, "dialer/hello": 0, "results/certificate": 0, "dialer/errno": 0, "results/revocation": 0, "dialer/fingerprint": 0, "scanner/list": 0, "dialer/proxy": 0}
	neighbours := map[string][]string{"dialer/fingerprint": {"certsweep/dialer/hello", "certsweep/dialer/errno"}}
	for _, f := range sourceFiles(t) {
		if within(f.dir, "dialer/reach") {
			t.Errorf("%s is no test", path.Join(f.dir, f.name))
		}
		if _, ok := rooms[f.dir]; !ok {
			continue
		}
		rooms[f.dir]++
		for _, spec := range f.ast.Imports {
			if imported, _ := strconv.Unquote(spec.Path.Value); within(imported, module(t)) && !slices.Contains(neighbours[f.dir], imported) {
				t.Errorf("%s imports %s", f.position(spec), imported)
			}
		}
	}
	tests, err := filepath.Glob("../../dialer/reach/*_test.go")
	if err != nil || len(tests) == 0 {
		t.Errorf("dialer/reach has %d files, %v", len(tests), err)
	}
	for dir, files := range rooms {
		if files == 0 {
			t.Errorf("%s is gone", dir)
		}
	}
}

// TestLibrariesLeaveTheProcessAlone: no library package touches the standard
// streams, ends the process or starts a goroutine, but for scanner, which owns
// those of a scan, and dialertest, which has servers.
func TestLibrariesLeaveTheProcessAlone(t *testing.T) {
	for _, f := range sourceFiles(t) {
		if !f.library() {
			continue
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.GoStmt:
				if f.dir != "scanner" && f.dir != "dialer/dialertest" {
					t.Errorf("%s starts a goroutine", f.position(n))
				}
			case *ast.SelectorExpr:
				if pkg, ok := n.X.(*ast.Ident); ok && pkg.Name == "os" {
					switch n.Sel.Name {
					case "Stdin", "Stdout", "Stderr", "Exit", "Args", "Getenv", "LookupEnv":
						t.Errorf("%s uses os.%s", f.position(n), n.Sel.Name)
					}
				}
			}
			return true
		})
	}
}

// TestPackagesHaveNouns: no package that is a drawer for anything.
func TestPackagesHaveNouns(t *testing.T) {
	drawers := []string{"pkg", "util", "utils", "common", "helper", "helpers", "types", "config", "logger", "runner", "misc"}
	for _, f := range sourceFiles(t) {
		for part := range strings.SplitSeq(f.dir, "/") {
			if slices.Contains(drawers, part) {
				t.Errorf("package %s", f.dir)
			}
		}
		if strings.HasPrefix(f.dir, "internal") {
			t.Errorf("%s at the top", f.dir)
		}
	}
}

// TestExportedNamesAreDocumented: an exported name without its sentence is not
// finished.
func TestExportedNamesAreDocumented(t *testing.T) {
	for _, f := range sourceFiles(t) {
		if !f.library() {
			continue
		}
		for _, decl := range f.ast.Decls {
			switch d := decl.(type) {
			case *ast.FuncDecl:
				if d.Name.IsExported() && d.Doc == nil && (d.Recv == nil || !isStandardMethod(d.Name.Name)) && receiverExported(d) {
					t.Errorf("%s: %s has no comment", f.position(d), d.Name.Name)
				}
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					if s, ok := spec.(*ast.TypeSpec); ok && s.Name.IsExported() && d.Doc == nil && s.Doc == nil {
						t.Errorf("%s: type %s has no comment", f.position(s), s.Name.Name)
					}
					if s, ok := spec.(*ast.ValueSpec); ok && s.Names[0].IsExported() && d.Doc == nil && s.Doc == nil && s.Comment == nil {
						t.Errorf("%s: %s has no comment", f.position(s), s.Names[0].Name)
					}
				}
			}
		}
	}
}

// isStandardMethod names methods whose meaning an interface of the standard
// library gives.
func isStandardMethod(name string) bool {
	return slices.Contains([]string{"Error", "Unwrap", "String", "Read", "Write", "Close", "MarshalText", "UnmarshalText"}, name)
}

func receiverExported(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return true
	}
	typ := d.Recv.List[0].Type
	if star, ok := typ.(*ast.StarExpr); ok {
		typ = star.X
	}
	if generic, ok := typ.(*ast.IndexExpr); ok {
		typ = generic.X
	}
	name, ok := typ.(*ast.Ident)
	return !ok || name.IsExported()
}

// TestTestDependenciesStandApart: what only tests need is told apart in
// go.mod.
func TestTestDependenciesStandApart(t *testing.T) {
	mod, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	production, tests, ok := strings.Cut(string(mod), "// Tests only.\n")
	if !ok {
		t.Fatal("go.mod has no block of test-only requirements")
	}
	for _, module := range []string{"github.com/chromedp/chromedp", "github.com/chromedp/cdproto", "github.com/rogpeppe/go-internal", "github.com/santhosh-tekuri/jsonschema/v6", "go.uber.org/goleak", "golang.org/x/tools"} {
		if strings.Contains(production, module) || !strings.Contains(tests, module) {
			t.Errorf("%s is not in the test-only block", module)
		}
	}
	for _, f := range sourceFiles(t) {
		if f.dir == "results/resultstest" {
			continue // which no other file may import, as TestImportsRunOneWay has it
		}
		for _, spec := range f.ast.Imports {
			imported, _ := strconv.Unquote(spec.Path.Value)
			for _, module := range []string{"github.com/chromedp", "github.com/rogpeppe", "github.com/santhosh-tekuri", "go.uber.org/goleak", "golang.org/x/tools"} {
				if strings.HasPrefix(imported, module) {
					t.Errorf("%s imports %s", f.position(spec), imported)
				}
			}
		}
	}
}
