package main

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"certsweep/dialer"
	"certsweep/dialer/hello"
	"certsweep/scanner"
)

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
