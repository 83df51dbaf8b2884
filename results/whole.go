package results

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"
)

// check refuses what the schema has no record for: what was never filled in would
// otherwise be written as a record that nobody can read.
func check(r *Record) error {
	switch {
	case r.Schema != SchemaVersion:
		return fmt.Errorf("not a record: Schema is %d, not SchemaVersion (%d)", r.Schema, SchemaVersion)
	case r.Status != StatusOK && r.Status != StatusError:
		return fmt.Errorf("not a record: Status is %q, not %q or %q", r.Status, StatusOK, StatusError)
	}
	return nil
}

// maybeNull reports whether JSON may have a null in it. A string may look like
// one, so that true is not certain.
func maybeNull(line []byte) bool { return bytes.Contains(line, []byte(":null")) }

// whole returns a copy of a record in which no list that is always present is
// nil: those have null for JSON. Nothing of r is changed.
func whole(r *Record) *Record {
	return wholeValue(reflect.ValueOf(r)).Interface().(*Record)
}

func wholeValue(v reflect.Value) reflect.Value {
	switch v.Kind() {
	case reflect.Pointer:
		if _, ok := object(v.Type()); !ok || v.IsNil() {
			return v
		}
		to := reflect.New(v.Type().Elem())
		to.Elem().Set(wholeValue(v.Elem()))
		return to
	case reflect.Slice:
		if v.IsNil() || !listsObjects(v.Type()) {
			return v
		}
		to := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		for i := range v.Len() {
			to.Index(i).Set(wholeValue(v.Index(i)))
		}
		return to
	case reflect.Struct:
		if _, ok := object(v.Type()); !ok {
			return v
		}
		to := reflect.New(v.Type()).Elem()
		to.Set(v)
		for _, f := range describe(v.Type()) {
			at := to.FieldByIndex(f.Index)
			if at.Kind() == reflect.Slice && at.IsNil() && !strings.Contains(f.Tag.Get("json"), ",omit") {
				at.Set(reflect.MakeSlice(at.Type(), 0, 0))
			} else {
				at.Set(wholeValue(at))
			}
		}
		return to
	}
	return v
}
