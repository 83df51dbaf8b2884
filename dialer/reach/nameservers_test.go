//go:build unix

package reach

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"certsweep/dialer"

	"golang.org/x/net/dns/dnsmessage"
)

// manyAddrs do not fit into 512 bytes, nor into the 1,232 that package net
// asks for (RFC 6891): the answer goes over TCP.
var manyAddrs = func() (all []string) {
	for i := range 100 {
		all = append(all, fmt.Sprintf("192.0.2.%d", i+1))
	}
	return all
}()

// dnsName is a name and what its look-up comes to.
type dnsName struct {
	host, network string
	want          []string
	code          dialer.Code
}

// dnsNames are those of every server here.
var dnsNames = []dnsName{
	{"both.test", "", []string{"192.0.2.1", "2001:db8::1"}, ""},
	{"both.test", "ip4", []string{"192.0.2.1"}, ""},
	{"both.test", "ip6", []string{"2001:db8::1"}, ""},
	{"BOTH.test.", "ip4", []string{"192.0.2.1"}, ""},
	{"four.test", "", []string{"192.0.2.4"}, ""},
	{"four.test", "ip6", nil, dialer.CodeDNSNotFound},
	{"six.test", "", []string{"2001:db8::6"}, ""},
	{"absent.test", "", nil, dialer.CodeDNSNotFound},
	{"many.test", "ip4", manyAddrs, ""},
	{"xn--bcher-kva.test", "", []string{"192.0.2.7"}, ""},
	{"alias.test", "", []string{"192.0.2.1", "2001:db8::1"}, ""},
}

// TestRealNameServers looks names up with servers that nobody here wrote.
func TestRealNameServers(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(*testing.T) netip.AddrPort{"unbound": startUnbound, "dnsmasq": startDNSMasq} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			t.Run("direct", func(t *testing.T) {
				t.Parallel()
				lookUpAll(t, []string{server.String()}, dnsNames)
			})
			t.Run("slow", func(t *testing.T) {
				t.Parallel()
				p := startLossyProxy(t, server, 100*time.Millisecond, 0)
				lookUpAll(t, []string{p.addr()}, dnsNames)
			})
			t.Run("first query of each name is lost", func(t *testing.T) {
				t.Parallel()
				p := startLossyProxy(t, server, 0, 1)
				lookUpAll(t, []string{p.addr()}, dnsNames)
				if p.lost() == 0 {
					t.Error("no query was lost")
				}
			})
			t.Run("one of two servers is dead", func(t *testing.T) {
				t.Parallel()
				dead := startLossyProxy(t, server, 0, 1000)
				lookUpAll(t, []string{dead.addr(), server.String()}, dnsNames)
			})
		})
	}
}

// TestRealNameServerDies has a name server that is there, then drops every
// packet, and then is not there.
func TestRealNameServerDies(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for a name server that is dead")
	}
	t.Parallel()
	p := startLossyProxy(t, startUnbound(t), 0, 0)
	r := &dialer.Resolver{Servers: []string{p.addr()}}
	check := func(n dnsName) {
		t.Helper()
		if err := lookUp(t, r, n); err != nil {
			t.Error(err)
		}
	}
	known := dnsName{"four.test", "", []string{"192.0.2.4"}, ""}
	check(known)
	p.mu.Lock()
	p.lose = 1000
	p.mu.Unlock()
	check(dnsName{"six.test", "", nil, dialer.CodeDNSTimeout})
	p.conn.Close()
	check(dnsName{"six.test", "", nil, dialer.CodeDNSTimeout})
	check(known)
}

// lookUpAll looks all names up at the same time, each network with a Resolver
// of its own.
func lookUpAll(t *testing.T, servers []string, names []dnsName) {
	t.Helper()
	resolvers := make(map[string]*dialer.Resolver)
	var wg sync.WaitGroup
	for _, n := range names {
		r := resolvers[n.network]
		if r == nil {
			r = &dialer.Resolver{Servers: servers, Network: n.network}
			resolvers[n.network] = r
		}
		wg.Go(func() {
			if err := lookUp(t, r, n); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

// lookUp looks a name up as a Dialer does, and says what is wrong with the
// outcome.
func lookUp(t *testing.T, r *dialer.Resolver, n dnsName) error {
	d := &dialer.Dialer{Resolver: r}
	addrs, err := d.Lookup(within(t, patience), n.host)
	var code dialer.Code
	if failure, ok := errors.AsType[*dialer.Error](err); ok {
		code = failure.Code
	}
	var got []string
	for _, a := range addrs {
		got = append(got, a.String())
	}
	slices.Sort(got)
	want := slices.Sorted(slices.Values(n.want))
	if code != n.code || !slices.Equal(got, want) {
		return fmt.Errorf("%s (%s): %q, %v; want %q, %q", n.host, n.network, got, err, want, n.code)
	}
	return nil
}

func startUnbound(t *testing.T) netip.AddrPort {
	path := requireProgram(t, "unbound")
	zone := `$ORIGIN test.
$TTL 60
@ SOA ns hostmaster 1 3600 600 86400 60
@ NS ns
ns A 127.0.0.1
alias CNAME second
second CNAME both
both A 192.0.2.1
both AAAA 2001:db8::1
four A 192.0.2.4
six AAAA 2001:db8::6
xn--bcher-kva A 192.0.2.7
`
	for _, addr := range manyAddrs {
		zone += "many A " + addr + "\n"
	}
	dir := t.TempDir()
	file := writeFile(t, dir, "zone", []byte(zone))
	return startServer(t, path, func(addr netip.AddrPort) []string {
		config := fmt.Sprintf(`server:
  interface: 127.0.0.1@%d
  access-control: 127.0.0.0/8 allow
  do-daemonize: no
  use-syslog: no
  username: ""
  chroot: ""
  directory: ""
  pidfile: ""
  num-threads: 1
  module-config: "iterator"
  local-zone: "test." nodefault
auth-zone:
  name: "test."
  zonefile: %q
remote-control:
  control-enable: no
`, addr.Port(), file)
		return []string{"-d", "-c", writeFile(t, dir, "unbound.conf", []byte(config))}
	})
}

func startDNSMasq(t *testing.T) netip.AddrPort {
	path := requireProgram(t, "dnsmasq")
	config := `no-resolv
no-hosts
no-daemon
listen-address=127.0.0.1
bind-interfaces
user=
group=
local=/test/
host-record=both.test,192.0.2.1,2001:db8::1
host-record=four.test,192.0.2.4
host-record=six.test,2001:db8::6
host-record=xn--bcher-kva.test,192.0.2.7
cname=second.test,both.test
cname=alias.test,second.test
`
	for _, addr := range manyAddrs {
		config += fmt.Sprintf("host-record=many.test,%s\n", addr)
	}
	dir := t.TempDir()
	file := writeFile(t, dir, "dnsmasq.conf", []byte(config))
	return startServer(t, path, func(addr netip.AddrPort) []string {
		return []string{"-C", file, fmt.Sprintf("--port=%d", addr.Port()), "--pid-file=" + filepath.Join(dir, "pid")}
	})
}

// lossyProxy stands before a name server, on UDP and TCP, and loses and delays
// what goes over UDP.
type lossyProxy struct {
	conn   net.PacketConn
	server netip.AddrPort
	delay  time.Duration
	lose   int // the first queries of each name and type

	wg   sync.WaitGroup
	mu   sync.Mutex
	seen map[dnsmessage.Question]int
}

func startLossyProxy(t *testing.T, server netip.AddrPort, delay time.Duration, lose int) *lossyProxy {
	t.Helper()
	stream := relay(t, server)
	conn, err := net.ListenPacket("udp", stream.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	p := &lossyProxy{conn: conn, server: server, delay: delay, lose: lose, seen: make(map[dnsmessage.Question]int)}
	p.wg.Go(p.serve)
	t.Cleanup(func() {
		conn.Close()
		p.wg.Wait()
	})
	return p
}

func (p *lossyProxy) addr() string { return p.conn.LocalAddr().String() }

// lost returns how many queries got lost.
func (p *lossyProxy) lost() (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, seen := range p.seen {
		n += min(seen, p.lose)
	}
	return n
}

func (p *lossyProxy) serve() {
	buf := make([]byte, 4<<10)
	for {
		n, from, err := p.conn.ReadFrom(buf)
		if err != nil {
			return
		}
		var m dnsmessage.Parser
		if _, err := m.Start(buf[:n]); err != nil {
			continue
		}
		q, err := m.Question()
		if err != nil {
			continue
		}
		p.mu.Lock()
		p.seen[q]++
		lost := p.seen[q] <= p.lose
		p.mu.Unlock()
		if !lost {
			query := slices.Clone(buf[:n])
			p.wg.Go(func() { p.forward(query, from) })
		}
	}
}

// forward has one query answered.
func (p *lossyProxy) forward(query []byte, from net.Addr) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "udp", p.server.String())
	if err != nil {
		return
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	if _, err := conn.Write(query); err != nil {
		return
	}
	buf := make([]byte, 4<<10)
	n, err := conn.Read(buf)
	if err != nil {
		return
	}
	<-time.After(p.delay)
	p.conn.WriteTo(buf[:n], from)
}
