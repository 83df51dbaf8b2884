package results

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"certsweep/results/certificate"
)

// Fields picks fields of a record, by their paths in its JSON form, such as
// host and certificate.subject.dn. The zero value picks nothing; start with
// [AllFields] or [ParseFields]. It may be used by several goroutines.
type Fields struct {
	leaves []field // in the order of the request
	root   *node
}

// field is a value of a record that is no object: what a cell can hold.
type field struct {
	path   string
	steps  []int // field numbers of the structs on the way
	isText bool
}

func newField(path string, steps []int, t reflect.Type) field {
	if t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	return field{path, steps, t.Kind() == reflect.String}
}

// node is an object with what was picked of it, in the order of the record.
type node struct {
	name     string
	step     int
	whole    bool // with all that is in it
	children []*node
}

// The structs that are a single value in JSON.
var (
	timeType = reflect.TypeFor[time.Time]()
	daysType = reflect.TypeFor[certificate.Days]()
)

// describe yields the JSON fields of a struct type.
func describe(t reflect.Type) []reflect.StructField {
	var fields []reflect.StructField
	for f := range t.Fields() {
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); f.IsExported() && name != "" && name != "-" {
			fields = append(fields, f)
		}
	}
	return fields
}

func jsonName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name
}

// object returns the struct that a field's value is or points to; false for one
// that is no object.
func object(t reflect.Type) (reflect.Type, bool) {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t, t.Kind() == reflect.Struct && t != timeType && t != daysType
}

// cells returns all values below a struct type that a cell can hold: no object
// and no list of objects.
func cells(t reflect.Type, path string, steps []int) []field {
	var leaves []field
	for _, f := range describe(t) {
		name, below := path+jsonName(f), append(slices.Clone(steps), f.Index[0])
		if inner, ok := object(f.Type); ok {
			leaves = append(leaves, cells(inner, name+".", below)...)
			continue
		}
		if listsObjects(f.Type) {
			continue
		}
		leaves = append(leaves, newField(name, below, f.Type))
	}
	return leaves
}

func listsObjects(t reflect.Type) bool {
	if t.Kind() != reflect.Slice {
		return false
	}
	_, is := object(t.Elem())
	return is
}

// AllFields picks every field that is a single value or a list of them, but for
// PEM, in the order of the record.
func AllFields() *Fields {
	leaves := cells(reflect.TypeFor[Record](), "", nil)
	leaves = slices.DeleteFunc(leaves, func(f field) bool { return strings.HasSuffix(f.path, ".pem") })
	return &Fields{leaves: leaves, root: &node{whole: true}}
}

// FieldPaths returns the paths of all fields that ParseFields knows, objects
// too.
func FieldPaths() []string {
	var paths []string
	var walk func(reflect.Type, string)
	walk = func(t reflect.Type, prefix string) {
		for _, f := range describe(t) {
			paths = append(paths, prefix+jsonName(f))
			if inner, ok := object(f.Type); ok {
				walk(inner, prefix+jsonName(f)+".")
			}
		}
	}
	walk(reflect.TypeFor[Record](), "")
	return paths
}

// ParseFields picks the fields with the given paths. An object stands for all
// that is in it.
func ParseFields(paths []string) (*Fields, error) {
	f := &Fields{root: new(node)}
	for _, path := range paths {
		if err := f.add(path); err != nil {
			return nil, err
		}
	}
	return f, nil
}

func (f *Fields) add(path string) error {
	t, at := reflect.TypeFor[Record](), f.root
	var steps []int
	names := strings.Split(path, ".")
	for i, name := range names {
		fields := describe(t)
		k := slices.IndexFunc(fields, func(field reflect.StructField) bool { return jsonName(field) == name })
		if k < 0 {
			return fmt.Errorf("%q is not a field of a record", path)
		}
		steps = append(steps, fields[k].Index[0])
		at = at.child(name, fields[k].Index[0])
		inner, isObject := object(fields[k].Type)
		switch last := i == len(names)-1; {
		case !last && !isObject:
			return fmt.Errorf("%q is not a field of a record: %s has no fields", path, strings.Join(names[:i+1], "."))
		case last && isObject:
			at.whole = true
			f.leaves = append(f.leaves, cells(inner, path+".", steps)...)
		case last && listsObjects(fields[k].Type):
			at.whole = true
		case last:
			at.whole = true
			f.leaves = append(f.leaves, newField(path, steps, fields[k].Type))
		}
		t = inner
	}
	return nil
}

// child returns the node of a field, in the order of the record among others.
func (n *node) child(name string, step int) *node {
	i, found := slices.BinarySearchFunc(n.children, step, func(c *node, step int) int { return c.step - step })
	if !found {
		n.children = slices.Insert(n.children, i, &node{name: name, step: step})
	}
	return n.children[i]
}

// Names returns the paths of the values, as the head of a table has them. A list
// of objects is none.
func (f *Fields) Names() []string {
	var names []string
	for _, leaf := range f.leaves {
		names = append(names, leaf.path)
	}
	return names
}

// AppendCells appends the values of a record, in the order of Names, for a table
// that a spreadsheet may read: strings are as [Cell] makes them, but for PEM. A
// list is its elements with blanks between them; what is absent is empty.
func (f *Fields) AppendCells(cells []string, r *Record) []string {
	record := reflect.ValueOf(r).Elem()
	for _, leaf := range f.leaves {
		text := cellOf(record, leaf.steps)
		if leaf.isText && !strings.HasSuffix(leaf.path, ".pem") {
			text = Cell(text)
		}
		cells = append(cells, text)
	}
	return cells
}

func cellOf(v reflect.Value, steps []int) string {
	for _, step := range steps {
		if v.Kind() == reflect.Pointer {
			if v.IsNil() {
				return ""
			}
			v = v.Elem()
		}
		v = v.Field(step)
	}
	return text(v)
}

// text is a value in a cell.
func text(v reflect.Value) string {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return ""
		}
		return text(v.Elem())
	case reflect.String:
		return v.String()
	case reflect.Bool:
		return strconv.FormatBool(v.Bool())
	case reflect.Int, reflect.Int64:
		return strconv.FormatInt(v.Int(), 10)
	case reflect.Float64:
		return strconv.FormatFloat(v.Float(), 'f', -1, 64)
	case reflect.Slice:
		var all []string
		for i := range v.Len() {
			all = append(all, text(v.Index(i)))
		}
		return strings.Join(all, " ")
	}
	switch value := v.Interface().(type) {
	case time.Time:
		if !value.IsZero() {
			return value.UTC().Format(time.RFC3339Nano)
		}
	case certificate.Days:
		if value.Known {
			return text(reflect.ValueOf(value.Number))
		}
	}
	return ""
}

// MarshalRecord returns the JSON object with what was picked of a record. What
// is absent of the record is absent from it, and a nil list is an empty one.
func (f *Fields) MarshalRecord(r *Record) ([]byte, error) {
	line, err := f.marshal(r)
	if err == nil && maybeNull(line) {
		return f.marshal(whole(r))
	}
	return line, err
}

func (f *Fields) marshal(r *Record) ([]byte, error) {
	if f.root.whole {
		return marshal(r)
	}
	var b bytes.Buffer
	if err := f.root.encode(&b, reflect.ValueOf(r).Elem()); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func (n *node) encode(b *bytes.Buffer, v reflect.Value) error {
	b.WriteByte('{')
	first := true
	for _, child := range n.children {
		field, value := v.Type().Field(child.step), v.Field(child.step)
		if absent(field, value) {
			continue
		}
		if !first {
			b.WriteByte(',')
		}
		first = false
		fmt.Fprintf(b, "%q:", child.name)
		if !child.whole {
			if value.Kind() == reflect.Pointer {
				value = value.Elem()
			}
			if err := child.encode(b, value); err != nil {
				return err
			}
			continue
		}
		line, err := marshal(value.Interface())
		if err != nil {
			return err
		}
		b.Write(line)
	}
	b.WriteByte('}')
	return nil
}

// absent reports whether encoding/json leaves a field out.
func absent(f reflect.StructField, v reflect.Value) bool {
	_, options, _ := strings.Cut(f.Tag.Get("json"), ",")
	switch options {
	case "omitzero":
		if zeroer, ok := v.Interface().(interface{ IsZero() bool }); ok {
			return zeroer.IsZero()
		}
		return v.IsZero()
	case "omitempty":
		if v.Kind() == reflect.Slice || v.Kind() == reflect.Map {
			return v.Len() == 0
		}
		return v.IsZero()
	}
	return v.Kind() == reflect.Pointer && v.IsNil()
}

// marshal is the JSON of a value without a line's end, and without escaping what
// only HTML minds.
func marshal(value any) ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(value)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}
