package scan

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"

	"certsweep/cmd/internal/flags"
	"certsweep/cmd/internal/process"
	"certsweep/dialer"
	"certsweep/dialer/proxy"
)

// NetworkOptions holds the flags that say where connections come from, and what
// they go through.
type NetworkOptions struct {
	Source []string
	Proxy  string
}

func (o *Options) networkFlags() []flags.Flag {
	return []flags.Flag{
		{Name: "source", Argument: "ADDR|IFACE", To: &o.Source, Group: GroupAddresses,
			Text: "connect from this address or network interface; repeatable, for an address of each family",
			More: "A target of a family that has no source is `unreachable`."},
		{Name: "proxy", Argument: "URL", To: &o.Proxy, Group: GroupAddresses,
			Text: "connect through `socks5://`, `http://` or `https://[USER:PASSWORD@]HOST[:PORT]`",
			More: "It looks names up, unless `--public-only`, `--exclude`, `--all-ips`, `--resolver`, `-4` or `-6` needs their addresses here. Its failures have the phase `proxy`."},
	}
}

// connector returns what makes the connections that the flags describe, nil for
// the dialer's own way, and whether it looks names up.
func (o *Options) connector() (dialer.NetDialer, bool, error) {
	var from dialer.NetDialer
	if len(o.Source) > 0 {
		s, err := newSources(o.Source)
		if err != nil {
			return nil, false, err
		}
		from = s
	}
	if o.Proxy == "" {
		return from, false, nil
	}
	u, err := proxy.Parse(o.Proxy)
	if err != nil {
		return nil, false, process.Usage("--proxy: %w", err)
	}
	via := &proxy.Dialer{URL: u, Lookup: new(dialer.Resolver).Lookup}
	if from != nil {
		via.Forward = from
	}
	return via, !o.PublicOnly && !o.AllIPs && len(o.Exclude) == 0 && len(o.Resolvers) == 0 && !o.Only4 && !o.Only6, nil
}

// checkProxy checks the flag before anything is opened.
func (o *Options) checkProxy() error {
	if o.Proxy == "" {
		return nil
	}
	if _, err := proxy.Parse(o.Proxy); err != nil {
		return process.Usage("--proxy: %w", err)
	}
	return nil
}

// sources connects from an address of the target's family.
type sources struct{ v4, v6 *net.Dialer }

func newSources(names []string) (*sources, error) {
	s := new(sources)
	for _, name := range names {
		if err := s.add(name); err != nil {
			return nil, process.Usage("--source %s: %w", name, err)
		}
	}
	return s, nil
}

func (s *sources) add(name string) error {
	addr, err := netip.ParseAddr(name)
	if err != nil {
		if _, err := net.InterfaceByName(name); err != nil {
			return errors.New("neither an address nor an interface of this machine")
		}
		if s.v4 != nil || s.v6 != nil {
			return errors.New("an interface stands alone")
		}
		d, err := deviceDialer(name)
		s.v4, s.v6 = d, d
		return err
	}
	slot := &s.v4
	if addr.Unmap().Is6() {
		slot = &s.v6
	}
	if *slot != nil {
		return errors.New("--source has an address of its family already")
	}
	// An address that is not this machine's would look like a lack of ports.
	probe, err := net.Listen("tcp", net.JoinHostPort(addr.String(), "0"))
	if err != nil {
		return fmt.Errorf("not an address of this machine: %w", err)
	}
	probe.Close()
	local := &net.TCPAddr{IP: addr.Unmap().AsSlice(), Zone: addr.Zone()}
	*slot = &net.Dialer{KeepAlive: -1, LocalAddr: local, ControlContext: lateBind}
	return nil
}

// DialContext connects to an address and a port.
func (s *sources) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return nil, err
	}
	d, family := s.v4, "IPv4"
	if to.Addr().Unmap().Is6() {
		d, family = s.v6, "IPv6"
	}
	if d == nil {
		return nil, &dialer.Error{Phase: dialer.PhaseConnect, Code: dialer.CodeUnreachable, Err: fmt.Errorf("%v is not reached: --source has no address of %s", to.Addr(), family)}
	}
	return d.DialContext(ctx, network, address)
}
