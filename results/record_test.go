package results_test

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"certsweep/results"
	"certsweep/results/certificate"
	"certsweep/results/resultstest"
	"certsweep/results/revocation"
)

// schemaKeys returns the properties that the schema gives an object, by the
// path of definitions to it.
func schemaKeys(t *testing.T, path ...string) []string {
	t.Helper()
	var node any
	if err := json.Unmarshal([]byte(results.Schema), &node); err != nil {
		t.Fatal(err)
	}
	for _, key := range append(path, "properties") {
		node = node.(map[string]any)[key]
	}
	var keys []string
	for key := range node.(map[string]any) {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// TestSchemaHasEveryField compares the schema with the Go types, both ways.
func TestSchemaHasEveryField(t *testing.T) {
	for _, test := range []struct {
		value any
		path  []string
	}{
		{results.Record{}, nil},
		{results.Error{}, []string{"properties", "error"}},
		{results.Alert{}, []string{"properties", "error", "properties", "alert"}},
		{results.TLS{}, []string{"properties", "tls"}},
		{certificate.Certificate{}, []string{"$defs", "certificate"}},
		{certificate.SCT{}, []string{"$defs", "certificate", "properties", "scts", "items"}},
		{certificate.Name{}, []string{"$defs", "name"}},
		{certificate.PublicKey{}, []string{"$defs", "certificate", "properties", "public_key"}},
		{results.Verification{}, []string{"properties", "verification"}},
		{revocation.OCSP{}, []string{"properties", "tls", "properties", "ocsp"}},
		{revocation.Result{}, []string{"properties", "revocation"}},
		{revocation.Verdict{}, []string{"properties", "revocation", "properties", "certificates", "items"}},
		{results.Alternate{}, []string{"properties", "alternates", "items"}},
		{results.ChainSent{}, []string{"$defs", "chain_sent"}},
		{results.Drain{}, []string{"properties", "drain"}},
		{results.Timing{}, []string{"properties", "timing"}},
	} {
		var fields []string
		typ := reflect.TypeOf(test.value)
		for i := range typ.NumField() {
			key, _, _ := strings.Cut(typ.Field(i).Tag.Get("json"), ",")
			fields = append(fields, key)
		}
		slices.Sort(fields)
		if keys := schemaKeys(t, test.path...); !slices.Equal(keys, fields) {
			t.Errorf("%v: schema has %v, type has %v", typ, keys, fields)
		}
	}
}

func TestSchemaHasEveryFinding(t *testing.T) {
	var schema struct {
		Properties struct {
			Findings struct {
				Items struct{ Examples []results.Finding }
			}
		}
	}
	if err := json.Unmarshal([]byte(results.Schema), &schema); err != nil {
		t.Fatal(err)
	}
	if got := schema.Properties.Findings.Items.Examples; !slices.Equal(got, results.Findings()) {
		t.Errorf("schema has %v, package has %v", got, results.Findings())
	}
}

func TestSchemaHasEveryCode(t *testing.T) {
	var schema struct {
		Properties struct {
			Error struct {
				Properties struct{ Phase, Code struct{ Examples []string } }
			}
		}
	}
	if err := json.Unmarshal([]byte(results.Schema), &schema); err != nil {
		t.Fatal(err)
	}
	vocabulary := schema.Properties.Error.Properties
	if !slices.Equal(vocabulary.Phase.Examples, results.Phases()) {
		t.Errorf("schema has phases %v, package has %v", vocabulary.Phase.Examples, results.Phases())
	}
	if got, want := slices.Sorted(slices.Values(vocabulary.Code.Examples)), slices.Sorted(slices.Values(results.Codes())); !slices.Equal(got, want) {
		t.Errorf("schema has codes %v, package has %v", got, want)
	}
}

// TestSchemaRefuses shows that the schema tells good records from bad ones.
func TestSchemaRefuses(t *testing.T) {
	schema := resultstest.Schema(t)
	const good = `{"schema":1,"line":1,"input":"x","host":"","port":0,"time":"2026-11-21T19:00:00.123Z","status":"error",
		"error":{"phase":"input","code":"bad_target","message":"m"},"findings":[],
		"timing":{"resolve_ms":0,"connect_ms":0,"handshake_ms":0,"drain_ms":0,"total_ms":0}}`
	if err := validate(t, schema, good); err != nil {
		t.Fatalf("a good record is refused: %v", err)
	}
	for name, change := range map[string][2]string{
		"line 0":          {`"line":1`, `"line":0`},
		"unknown code":    {`bad_target`, `no_such_code`},
		"unknown field":   {`"line":1`, `"line":1,"extra":1`},
		"ok with error":   {`"status":"error"`, `"status":"ok"`},
		"alert, no alert": {`bad_target`, `alert`},
		"null findings":   {`"findings":[]`, `"findings":null`},
		"local time":      {`00.123Z`, `00.123+01:00`},
		"text as number":  {`"port":0`, `"port":"0"`},
	} {
		bad := strings.Replace(good, change[0], change[1], 1)
		if validate(t, schema, bad) == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func validate(t testing.TB, schema *jsonschema.Schema, record string) error {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(record))
	if err != nil {
		t.Fatal(err)
	}
	return schema.Validate(doc)
}
