package scanner

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"testing"

	"certsweep/results"
)

// TestVocabulary: every phase and code that the dialer has is one of results',
// which owns the words of a record.
func TestVocabulary(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "../dialer/errors.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	vocabulary := map[string][]string{"Phase": results.Phases(), "Code": results.Codes()}
	seen := make(map[string]int)
	ast.Inspect(file, func(n ast.Node) bool {
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
	})
	if seen["Phase"] < 5 || seen["Code"] < 20 {
		t.Errorf("found %v constants", seen)
	}
}
