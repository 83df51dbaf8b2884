package dialer

import (
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

// zone is what a dnsServer knows: its answers by name, with the final dot.
type zone map[string]answer

// answer is what a dnsServer says to questions for one name.
type answer struct {
	addrs []string // of both families
	rcode dnsmessage.RCode
	drop  bool // says nothing
	long  bool // does not fit into UDP

	dropKind, failKind dnsmessage.Type // drop, and server failure, for one type
}

// dnsServer is a name server on UDP and TCP of one loopback port. It does not
// know a name that is not in its zone.
type dnsServer struct {
	addr string
	udp  net.PacketConn
	tcp  net.Listener

	wg    sync.WaitGroup
	mu    sync.Mutex
	zone  zone
	asked []question
}

// question is one question that a dnsServer was asked.
type question struct {
	name    string
	kind    dnsmessage.Type
	network string
}

func newDNSServer(t *testing.T, z zone) *dnsServer {
	t.Helper()
	s := &dnsServer{zone: z}
	var err error
	// The port of one protocol may be taken in the other.
	for range 10 {
		if s.udp, err = net.ListenPacket("udp", "127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
		s.addr = s.udp.LocalAddr().String()
		if s.tcp, err = net.Listen("tcp", s.addr); err == nil {
			break
		}
		s.udp.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	s.wg.Go(s.serveUDP)
	s.wg.Go(s.serveTCP)
	t.Cleanup(func() {
		s.udp.Close()
		s.tcp.Close()
		s.wg.Wait()
	})
	return s
}

// set changes what the server knows of a name.
func (s *dnsServer) set(name string, a answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.zone[name] = a
}

// questions returns what was asked since the last call.
func (s *dnsServer) questions() []question {
	s.mu.Lock()
	defer s.mu.Unlock()
	asked := s.asked
	s.asked = nil
	return asked
}

func (s *dnsServer) serveUDP() {
	buf := make([]byte, 4<<10)
	for {
		n, from, err := s.udp.ReadFrom(buf)
		if err != nil {
			return
		}
		if response := s.respond("udp", buf[:n]); response != nil {
			s.udp.WriteTo(response, from)
		}
	}
}

func (s *dnsServer) serveTCP() {
	for {
		c, err := s.tcp.Accept()
		if err != nil {
			return
		}
		s.wg.Go(func() {
			defer c.Close()
			var length [2]byte
			for {
				if _, err := io.ReadFull(c, length[:]); err != nil {
					return
				}
				query := make([]byte, binary.BigEndian.Uint16(length[:]))
				if _, err := io.ReadFull(c, query); err != nil {
					return
				}
				response := s.respond("tcp", query)
				c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(response))), response...))
			}
		})
	}
}

// respond returns the message that answers a query, nil for none.
func (s *dnsServer) respond(network string, query []byte) []byte {
	var p dnsmessage.Parser
	header, err := p.Start(query)
	if err != nil {
		return nil
	}
	q, err := p.Question()
	if err != nil {
		return nil
	}
	s.mu.Lock()
	s.asked = append(s.asked, question{q.Name.String(), q.Type, network})
	a, ok := s.zone[q.Name.String()]
	s.mu.Unlock()
	if !ok {
		a.rcode = dnsmessage.RCodeNameError
	}
	if a.drop || a.dropKind == q.Type {
		return nil
	}
	if a.failKind == q.Type {
		a.rcode = dnsmessage.RCodeServerFailure
	}
	m := dnsmessage.Message{
		Header: dnsmessage.Header{
			ID: header.ID, Response: true, RecursionDesired: header.RecursionDesired, RecursionAvailable: true,
			RCode: a.rcode, Truncated: a.long && network == "udp",
		},
		Questions: []dnsmessage.Question{q},
	}
	for _, text := range a.addrs {
		addr := netip.MustParseAddr(text)
		h := dnsmessage.ResourceHeader{Name: q.Name, Class: dnsmessage.ClassINET, TTL: 60}
		switch {
		case m.Truncated:
		case addr.Is4() && q.Type == dnsmessage.TypeA:
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: h, Body: &dnsmessage.AResource{A: addr.As4()}})
		case addr.Is6() && q.Type == dnsmessage.TypeAAAA:
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: h, Body: &dnsmessage.AAAAResource{AAAA: addr.As16()}})
		}
	}
	packed, err := m.Pack()
	if err != nil {
		panic(err)
	}
	return packed
}

// kinds returns the record types that were asked for, each once, sorted.
func kinds(asked []question) []dnsmessage.Type {
	var all []dnsmessage.Type
	for _, q := range asked {
		all = append(all, q.kind)
	}
	slices.Sort(all)
	return slices.Compact(all)
}
