package scan

import (
	"errors"
	"strconv"
	"strings"

	"certsweep/dialer/hello"
	"certsweep/scanner"
)

// Version is a flag's TLS version, 0 for none.
type Version uint16

func (v *Version) Type() string { return "version" }

func (v *Version) String() string {
	if *v == 0 {
		return ""
	}
	return hello.VersionName(uint16(*v))
}

func (v *Version) Set(s string) error {
	for version := uint16(0x0301); version <= 0x0304; version++ {
		if s == hello.VersionName(version) {
			*v = Version(version)
			return nil
		}
	}
	return errors.New("not a TLS version: write 1.0, 1.1, 1.2 or 1.3")
}

// Ports is a flag's list of ports.
type Ports []uint16

func (v *Ports) Type() string { return "ports" }

func (v *Ports) String() string {
	var names []string
	for _, port := range *v {
		names = append(names, strconv.Itoa(int(port)))
	}
	return strings.Join(names, ",")
}

func (v *Ports) Set(s string) error {
	ports, err := scanner.ParsePorts(s)
	if err == nil {
		*v = ports
	}
	return err
}

// Shard is a flag's part of a list.
type Shard scanner.Shard

func (v *Shard) Type() string   { return "shard" }
func (v *Shard) String() string { return scanner.Shard(*v).String() }

func (v *Shard) Set(s string) error {
	shard, err := scanner.ParseShard(s)
	*v = Shard(shard)
	return err
}
