package policy

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Expectation is what the attributes of a target's line ask of it. The zero
// value asks for nothing. Fill it with [Expectation.Set]; it is not safe for
// use by several goroutines while it is filled.
type Expectation struct {
	MinDays         *float64 // min-days=30
	MinLifetimeLeft *float64 // min-lifetime-left=20%, as 0.2
	MinTLS          string   // tls=1.3: this version or a later one
	Issuers         []string // issuer="Let's Encrypt": one of them has to match
	Names           []string // name=*.example.com: all of them have to be there
	Pins            []string // pin=sha256/…: the leaf's key is one of them; lower case hex
	Expect          []Code   // expect=untrusted: no failure, but its absence is one
	Ignore          []Code   // ignore=weak_key
	Optional        *bool    // optional: may be unreachable
}

// attributes has the keys that Set knows.
var attributes = []string{"min-days", "min-lifetime-left", "tls", "issuer", "name", "pin", "expect", "ignore", "optional"}

// CheckAttribute returns nil if key is one that [Expectation.Set] takes. Its
// error names the attributes, with those that the caller knows beside them, or
// the one of all that the key nearest resembles.
func CheckAttribute(key string, others ...string) error {
	if slices.Contains(attributes, key) {
		return nil
	}
	known := slices.Concat(others, attributes)
	if near := Nearest(key, known); near != "" {
		return fmt.Errorf("%s is not an attribute: did you mean %s?", quote(key), near)
	}
	return fmt.Errorf("%s is not an attribute: the attributes are %s", quote(key), strings.Join(known, " "))
}

// Set takes one key=value attribute; the value is without its quotes, and empty
// where the line has the key alone. issuer, name, pin, expect and ignore may be
// set again and add up; of the others the last one holds. An error says what
// would be right; it leaves the expectation as it was.
func (e *Expectation) Set(key, value string) error {
	switch key {
	case "min-days":
		if err := setNumber(&e.MinDays, value, "a number of days, as in min-days=30", 1, math.MaxInt32); err != nil {
			return fmt.Errorf("min-days: %w", err)
		}
	case "min-lifetime-left":
		part, err := ParsePart(value)
		if err != nil {
			return fmt.Errorf("min-lifetime-left: %w", err)
		}
		e.MinLifetimeLeft = &part
	case "tls":
		version, err := ParseTLSVersion(value)
		if err != nil {
			return fmt.Errorf("tls: %w", err)
		}
		e.MinTLS = version
	case "issuer":
		if strings.TrimSpace(value) == "" {
			return fmt.Errorf(`issuer: empty: give a part of the issuer's name, as in issuer="Let's Encrypt"`)
		}
		e.Issuers = append(e.Issuers, strings.TrimSpace(value))
	case "name":
		return e.addNames(value)
	case "pin":
		return e.addPins(value)
	case "expect":
		return e.addExpected(value)
	case "ignore":
		parsed, err := ParseCodes(value)
		if err != nil {
			return fmt.Errorf("ignore: %w", err)
		}
		e.Ignore = append(e.Ignore, parsed...)
	case "optional":
		return e.setOptional(value)
	default:
		return CheckAttribute(key)
	}
	return nil
}

func setNumber(field **float64, value, want string, unit, most float64) error {
	n, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
	if err != nil || !(n >= 0 && n <= most) {
		return fmt.Errorf("%s is not %s", quote(value), want)
	}
	*field = new(n / unit)
	return nil
}

// ParsePart reads a part of a lifetime, "20%" or "0.2", as a number from 0 to 1.
func ParsePart(s string) (float64, error) {
	var part *float64
	if percent, ok := strings.CutSuffix(strings.TrimSpace(s), "%"); ok {
		if err := setNumber(&part, percent, "a percentage: give 0% to 100%, as in 20%", 100, 100); err != nil {
			return 0, err
		}
		return *part, nil
	}
	if err := setNumber(&part, s, "a part of a lifetime: give 0% to 100%, as in 20%", 1, 1); err != nil {
		return 0, err
	}
	return *part, nil
}

func (e *Expectation) addNames(list string) error {
	var added []string
	for name := range strings.SplitSeq(list, ",") {
		name = strings.TrimSuffix(strings.ToLower(strings.TrimSpace(name)), ".")
		if _, err := netip.ParseAddr(name); err == nil {
			added = append(added, name)
			continue
		}
		for i, label := range strings.Split(name, ".") {
			if label == "*" && i == 0 {
				continue
			}
			if label == "" || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
				return fmt.Errorf("name: %s is neither a host name nor an address: give it as the certificate has it, as in *.example.com, and in its ASCII form (xn--…)", quote(name))
			}
		}
		added = append(added, name)
	}
	e.Names = append(e.Names, added...)
	return nil
}

// addPins takes the SHA-256 of a SubjectPublicKeyInfo as in RFC 7469 (base64),
// in curl's form (sha256//…), or in hex as a record's spki_sha256 has it.
func (e *Expectation) addPins(list string) error {
	var added []string
	for pin := range strings.SplitSeq(list, ",") {
		rest, ok := strings.CutPrefix(strings.TrimSpace(pin), "sha256/")
		digits := strings.TrimPrefix(rest, "/")
		sum, err := hex.DecodeString(strings.ReplaceAll(digits, ":", ""))
		if err != nil || len(sum) != 32 {
			sum, err = base64.RawStdEncoding.Strict().DecodeString(strings.TrimRight(digits, "="))
		}
		if !ok || err != nil || len(sum) != 32 {
			return fmt.Errorf("pin: %s is not a pin: give sha256/ and the SHA-256 of the key in base64, or in hex as spki_sha256 of a record has it", quote(pin))
		}
		added = append(added, hex.EncodeToString(sum))
	}
	e.Pins = append(e.Pins, added...)
	return nil
}

func (e *Expectation) addExpected(list string) error {
	parsed, err := ParseCodes(list)
	if err != nil {
		return fmt.Errorf("expect: %w", err)
	}
	for _, code := range parsed {
		if !isFinding(code) {
			return fmt.Errorf("expect: %s is not a finding of a scan: %s", quote(string(code)), "ignore= takes it")
		}
	}
	e.Expect = append(e.Expect, parsed...)
	return nil
}

func isFinding(c Code) bool {
	switch c {
	case CodeUnchecked, CodeMinDays, CodeMinTLS, CodeIssuer, CodeName, CodePin, CodeExpect, CodeChanged:
		return false
	}
	return true
}

func (e *Expectation) setOptional(value string) error {
	switch strings.ToLower(value) {
	case "", "yes", "true":
		e.Optional = new(true)
	case "no", "false":
		e.Optional = new(false)
	default:
		return fmt.Errorf("optional: %s is neither yes nor no: write the word alone", quote(value))
	}
	return nil
}

// WithDefaults returns what e asks for, and for what it leaves open what the
// defaults ask for. A key that e has replaces that key of the defaults, lists
// too; min-days and min-lifetime-left count as one. Either may be nil.
func (e *Expectation) WithDefaults(defaults *Expectation) *Expectation {
	if e == nil || defaults == nil {
		if e == nil {
			return defaults
		}
		return e
	}
	merged := *e
	if e.MinDays == nil && e.MinLifetimeLeft == nil {
		merged.MinDays, merged.MinLifetimeLeft = defaults.MinDays, defaults.MinLifetimeLeft
	}
	if e.MinTLS == "" {
		merged.MinTLS = defaults.MinTLS
	}
	if e.Optional == nil {
		merged.Optional = defaults.Optional
	}
	merged.Issuers = orElse(e.Issuers, defaults.Issuers)
	merged.Names = orElse(e.Names, defaults.Names)
	merged.Pins = orElse(e.Pins, defaults.Pins)
	merged.Expect = orElse(e.Expect, defaults.Expect)
	merged.Ignore = orElse(e.Ignore, defaults.Ignore)
	return &merged
}

func orElse[S ~[]E, E any](s, other S) S {
	if len(s) == 0 {
		return other
	}
	return s
}
