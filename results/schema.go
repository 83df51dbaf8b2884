package results

import _ "embed"

// Schema is the JSON Schema (draft 2020-12) of a record, the contents of
// schema.json.
//
//go:embed schema.json
var Schema string
