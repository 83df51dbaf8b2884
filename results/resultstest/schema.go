// Package resultstest holds records against their schema, for tests.
package resultstest

import (
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"certsweep/results"
)

// Schema returns [results.Schema], compiled, and closed: it refuses the fields
// and codes that this version does not write, while the one that is shipped is
// open to those of later versions.
func Schema(t testing.TB) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(results.Schema))
	if err != nil {
		t.Fatal(err)
	}
	closeSchema(doc)
	c := jsonschema.NewCompiler()
	if err := c.AddResource("schema.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// closeSchema makes the schema, which is open to what later versions add,
// refuse all that this version does not write.
func closeSchema(node any) {
	switch node := node.(type) {
	case map[string]any:
		if node["type"] == "object" {
			node["additionalProperties"] = false
		}
		if examples, ok := node["examples"]; ok {
			node["enum"] = examples
		}
		for _, value := range node {
			closeSchema(value)
		}
	case []any:
		for _, value := range node {
			closeSchema(value)
		}
	}
}
