package policy

import "fmt"

// Level says how bad a verdict or one of its problems is. Levels are ordered:
// the greater is the worse.
type Level uint8

// The levels. Unchecked is worse than Warn, since nobody knows what it hides,
// and better than Fail, since nothing wrong was seen.
const (
	// OK: nothing to say. A problem of this level was found and allowed.
	OK Level = iota
	// Warn: worth mending, and no reason to stop.
	Warn
	// Unchecked: the endpoint could not be checked.
	Unchecked
	// Fail: the endpoint does not pass.
	Fail
)

var levelNames = [...]string{OK: "ok", Warn: "warn", Unchecked: "unchecked", Fail: "fail"}

// String returns ok, warn, unchecked or fail.
func (l Level) String() string {
	if int(l) < len(levelNames) {
		return levelNames[l]
	}
	return fmt.Sprintf("Level(%d)", uint8(l))
}

// MarshalText returns the level's name, so that JSON shows it.
func (l Level) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (l *Level) UnmarshalText(text []byte) error {
	for level, name := range levelNames {
		if name == string(text) {
			*l = Level(level)
			return nil
		}
	}
	return fmt.Errorf("%s is not a level: the levels are ok warn unchecked fail", quote(string(text)))
}
