package flags

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// value returns what the flag sets.
func (f *Flag) value() Value {
	var v Value
	switch to := f.To.(type) {
	case Value:
		v = to
	case *bool:
		v = (*switchValue)(to)
	case *string:
		v = (*textValue)(to)
	case *int:
		v = (*intValue)(to)
	case *uint64:
		v = (*uint64Value)(to)
	case *float64:
		v = (*floatValue)(to)
	case *[]string:
		v = (*repeatedValue)(to)
	default:
		panic(fmt.Sprintf("flags: --%s cannot set a %T", f.Name, f.To))
	}
	if len(f.Choices) > 0 {
		v = choiceValue{v, f.Choices}
	}
	return v
}

type switchValue bool

func (v *switchValue) Type() string   { return "bool" }
func (v *switchValue) String() string { return strconv.FormatBool(bool(*v)) }
func (v *switchValue) Set(s string) error {
	on, err := strconv.ParseBool(s)
	if err != nil {
		return errors.New("neither true nor false")
	}
	*v = switchValue(on)
	return nil
}

type textValue string

func (v *textValue) Type() string       { return "string" }
func (v *textValue) String() string     { return string(*v) }
func (v *textValue) Set(s string) error { *v = textValue(s); return nil }

type intValue int

func (v *intValue) Type() string   { return "int" }
func (v *intValue) String() string { return strconv.Itoa(int(*v)) }
func (v *intValue) Set(s string) error {
	n, err := strconv.Atoi(s)
	*v = intValue(n)
	return numberError(err, "a whole number")
}

type uint64Value uint64

func (v *uint64Value) Type() string   { return "uint64" }
func (v *uint64Value) String() string { return strconv.FormatUint(uint64(*v), 10) }
func (v *uint64Value) Set(s string) error {
	n, err := strconv.ParseUint(s, 10, 64)
	*v = uint64Value(n)
	return numberError(err, "a whole number of 0 or more")
}

type floatValue float64

func (v *floatValue) Type() string   { return "float64" }
func (v *floatValue) String() string { return strconv.FormatFloat(float64(*v), 'g', -1, 64) }
func (v *floatValue) Set(s string) error {
	n, err := strconv.ParseFloat(s, 64)
	*v = floatValue(n)
	if err == nil && math.IsInf(n, 0) {
		err = strconv.ErrRange
	}
	return numberError(err, "a number")
}

func numberError(err error, what string) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, strconv.ErrRange):
		return errors.New("too large a number")
	}
	return errors.New("not " + what)
}

// repeatedValue has an element for each use of the flag.
type repeatedValue []string

func (v *repeatedValue) Type() string       { return "repeated" }
func (v *repeatedValue) String() string     { return strings.Join(*v, ",") }
func (v *repeatedValue) Set(s string) error { *v = append(*v, s); return nil }

// List is a flag's list of words, separated by commas; each use of the flag
// appends.
type List []string

// Type, String and Set are [Value]'s.

func (v *List) Type() string   { return "list" }
func (v *List) String() string { return strings.Join(*v, ",") }

// Set appends the words of s.
func (v *List) Set(s string) error {
	for word := range strings.SplitSeq(s, ",") {
		*v = append(*v, strings.TrimSpace(word))
	}
	return nil
}

// Duration is a flag's time, not negative. A bare number is seconds.
type Duration time.Duration

// Type is [Value]'s.
func (v *Duration) Type() string { return "duration" }
func (v *Duration) String() string {
	s := time.Duration(*v).String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// Set reads 500ms, 10s, 1m30s, or seconds.
func (v *Duration) Set(s string) error {
	d, err := time.ParseDuration(s)
	if seconds, numErr := strconv.ParseFloat(s, 64); numErr == nil {
		d, err = time.Duration(seconds*float64(time.Second)), nil
		if math.IsNaN(seconds) || math.Abs(seconds) > math.MaxInt32 {
			err = errors.New("out of range")
		}
	}
	if err != nil || d < 0 {
		return errors.New("not a duration: write 500ms, 10s or 1m30s; a bare number is seconds")
	}
	*v = Duration(d)
	return nil
}

// Size is a flag's number of bytes.
type Size int64

// Type is [Value]'s.
func (v *Size) Type() string { return "size" }

func (v *Size) String() string {
	n := int64(*v)
	for _, unit := range []struct {
		name string
		size int64
	}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}} {
		if n >= unit.size && n%unit.size == 0 {
			return strconv.FormatInt(n/unit.size, 10) + unit.name
		}
	}
	return strconv.FormatInt(n, 10)
}

// Set reads 65536, 64KiB, 256MiB or 1GB, with or without the B.
func (v *Size) Set(s string) error {
	number, unit := s, ""
	if i := strings.IndexFunc(s, func(r rune) bool { return r != '.' && (r < '0' || r > '9') }); i >= 0 {
		number, unit = s[:i], s[i:]
	}
	factor, known := map[string]float64{
		"": 1, "b": 1, "k": 1 << 10, "kib": 1 << 10, "m": 1 << 20, "mib": 1 << 20, "g": 1 << 30, "gib": 1 << 30,
		"kb": 1e3, "mb": 1e6, "gb": 1e9,
	}[strings.ToLower(strings.TrimSpace(unit))]
	n, err := strconv.ParseFloat(number, 64)
	if err != nil || !known || n*factor > 1<<50 {
		return errors.New("not a size: write 65536, 64KiB, 256MiB or 1GiB")
	}
	*v = Size(n * factor)
	return nil
}

// choiceValue takes a few values only.
type choiceValue struct {
	Value
	choices []string
}

func (v choiceValue) Set(s string) error {
	if !slices.Contains(v.choices, s) {
		return fmt.Errorf("must be one of: %s", strings.Join(v.choices, " "))
	}
	return v.Value.Set(s)
}
