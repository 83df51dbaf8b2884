package scanner

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"certsweep/results"
)

// TestVocabulary: every phase and code that the dialer has is one of results',
// which owns the words of a record.
func TestVocabulary(t *testing.T) {
	files, err := filepath.Glob("../dialer/*.go")
	if err != nil {
		t.Fatal(err)
	}
	vocabulary := map[string][]string{"Phase": results.Phases(), "Code": results.Codes()}
	seen := make(map[string]int)
	inspect := func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		kind, ok := spec.Type.(*ast.Ident)
		if !ok || vocabulary[kind.Name] == nil || len(spec.Values) != 1 {
			return true
		}
		word, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		if err != nil || !slices.Contains(vocabulary[kind.Name], word) {
			t.Errorf("%s %q is not in results", spec.Names[0].Name, word)
		}
		seen[kind.Name]++
		return true
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, inspect)
	}
	if seen["Phase"] < 5 || seen["Code"] < 20 {
		t.Errorf("found %v constants", seen)
	}
}
