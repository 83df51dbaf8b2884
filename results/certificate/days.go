package certificate

import "encoding/json"

// Days is a number of days that may be unknown, as that which is left of a
// certificate whose end cannot be read. The zero value is unknown, which is never
// 0 days. In JSON it is a number, or null; with omitzero it is absent if unknown.
type Days struct {
	Number float64 // 0 if it is not Known
	Known  bool
}

// DaysOf returns a known number of days.
func DaysOf(number float64) Days { return Days{number, true} }

// IsZero reports whether the number is unknown, for encoding/json's omitzero.
func (d Days) IsZero() bool { return !d.Known }

// MarshalJSON implements [json.Marshaler].
func (d Days) MarshalJSON() ([]byte, error) {
	if !d.Known {
		return []byte("null"), nil
	}
	return json.Marshal(d.Number)
}

// UnmarshalJSON implements [json.Unmarshaler].
func (d *Days) UnmarshalJSON(text []byte) error {
	var number *float64
	if err := json.Unmarshal(text, &number); err != nil {
		return err
	}
	*d = Days{}
	if number != nil {
		*d = DaysOf(*number)
	}
	return nil
}
