package main

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"certsweep/dialer"
	"certsweep/dialer/hello"
	"certsweep/scanner"
)

// durationValue is a flag's duration. A bare number is seconds.
type durationValue time.Duration

func (v *durationValue) String() string { return time.Duration(*v).String() }
func (v *durationValue) Type() string   { return "duration" }

func (v *durationValue) Set(s string) error {
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
	*v = durationValue(d)
	return nil
}

// sizeValue is a flag's number of bytes.
type sizeValue int64

func (v *sizeValue) Type() string { return "size" }

func (v *sizeValue) String() string {
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

func (v *sizeValue) Set(s string) error {
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
	*v = sizeValue(n * factor)
	return nil
}

// versionValue is a flag's TLS version, 0 for none.
type versionValue uint16

func (v *versionValue) Type() string { return "version" }

func (v *versionValue) String() string {
	if *v == 0 {
		return ""
	}
	return hello.VersionName(uint16(*v))
}

func (v *versionValue) Set(s string) error {
	for version := uint16(0x0301); version <= 0x0304; version++ {
		if s == hello.VersionName(version) {
			*v = versionValue(version)
			return nil
		}
	}
	return errors.New("not a TLS version: write 1.0, 1.1, 1.2 or 1.3")
}

// portsValue is a flag's list of ports.
type portsValue []uint16

func (v *portsValue) Type() string { return "ports" }

func (v *portsValue) String() string {
	var names []string
	for _, port := range *v {
		names = append(names, strconv.Itoa(int(port)))
	}
	return strings.Join(names, ",")
}

func (v *portsValue) Set(s string) error {
	*v = nil
	for name := range strings.SplitSeq(s, ",") {
		port, err := dialer.ParsePort(strings.TrimSpace(name))
		if err != nil {
			return err
		}
		// A port that is named twice is not scanned twice.
		if !slices.Contains(*v, port) {
			*v = append(*v, port)
		}
	}
	return nil
}

// shardValue is a flag's part of a list.
type shardValue scanner.Shard

func (v *shardValue) Type() string   { return "shard" }
func (v *shardValue) String() string { return scanner.Shard(*v).String() }

func (v *shardValue) Set(s string) error {
	shard, err := scanner.ParseShard(s)
	*v = shardValue(shard)
	return err
}

// choiceValue is a flag with a few possible values.
type choiceValue struct {
	value   string
	choices []string
}

func (v *choiceValue) Type() string   { return "choice" }
func (v *choiceValue) String() string { return v.value }

func (v *choiceValue) Set(s string) error {
	for _, choice := range v.choices {
		if s == choice {
			v.value = s
			return nil
		}
	}
	return fmt.Errorf("must be one of: %s", strings.Join(v.choices, " "))
}
