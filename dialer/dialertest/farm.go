package dialertest

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
)

// pki has the authorities that the cases draw on.
type pki struct {
	root  *CA
	inter *CA // below root; signs nearly every leaf
	other *CA // below a root that nobody trusts
}

func newPKI() *pki {
	root := NewCA("Farm Root", P256)
	return &pki{
		root:  root,
		inter: root.Intermediate("Farm Intermediate", P256),
		other: NewCA("Unknown Root", P256).Intermediate("Unknown Intermediate", P256),
	}
}

// Farm is a set of running servers, one for each case, under one root.
type Farm struct {
	Endpoints []*Endpoint
	pki       *pki
}

// Endpoint is a case with its running server.
type Endpoint struct {
	Case
	Addr netip.AddrPort
	// Server is nil if nothing listens at Addr.
	Server *Server

	occupied *occupied
}

// Start starts the servers of the named cases, or, without names, of all. It
// returns an error for an unknown name or if it cannot listen; nothing is
// left running then.
func Start(names ...string) (*Farm, error) {
	cases := Cases()
	if len(names) > 0 {
		cases = nil
		for _, name := range names {
			c, err := Find(name)
			if err != nil {
				return nil, err
			}
			cases = append(cases, c)
		}
	}
	f := &Farm{pki: newPKI()}
	for _, c := range cases {
		e, err := c.start(f.pki)
		if err != nil {
			f.Close()
			return nil, fmt.Errorf("dialertest: %s: %w", c.Name, err)
		}
		f.Endpoints = append(f.Endpoints, e)
	}
	return f, nil
}

func (c Case) start(p *pki) (e *Endpoint, err error) {
	e = &Endpoint{Case: c}
	if c.serve == nil {
		if e.occupied, err = occupy(); err != nil {
			return nil, err
		}
		e.Addr = e.occupied.addr
		return e, nil
	}
	if e.Server, err = Listen(loopback, c.serve(p)); err != nil {
		return nil, err
	}
	e.Addr = e.Server.Addr()
	return e, nil
}

// Endpoint returns the endpoint of that name, or nil if the farm has none.
func (f *Farm) Endpoint(name string) *Endpoint {
	for _, e := range f.Endpoints {
		if e.Name == name {
			return e
		}
	}
	return nil
}

// CA returns the root of the farm.
func (f *Farm) CA() *CA { return f.pki.root }

// RootPEM returns the farm's root as a PEM file.
func (f *Farm) RootPEM() []byte { return f.pki.root.RootPEM() }

// Close stops all servers and waits for their goroutines.
func (f *Farm) Close() {
	for _, e := range f.Endpoints {
		if e.Server != nil {
			e.Server.Close()
		}
		if e.occupied != nil {
			e.occupied.Close()
		}
	}
}

// Target returns the endpoint as a line of a target list: "address,name,port",
// or "address:port" if it has no name, and " starttls=protocol" if it has one.
func (e *Endpoint) Target() string {
	target := e.Addr.String()
	if e.Host != "" {
		target = fmt.Sprintf("%s,%s,%d", e.Addr.Addr(), e.Host, e.Addr.Port())
	}
	if e.StartTLS != "" {
		target += " starttls=" + e.StartTLS
	}
	return target
}

// occupied is a port that refuses connections. It is the client's end of an
// open connection: nothing listens there, and while it is open no other socket
// can be given the port to listen on.
type occupied struct {
	addr      netip.AddrPort
	near, far net.Conn
}

func occupy() (*occupied, error) {
	l, err := net.Listen("tcp", loopback)
	if err != nil {
		return nil, err
	}
	defer l.Close()
	o := new(occupied)
	if o.near, err = net.Dial("tcp", l.Addr().String()); err != nil {
		return nil, err
	}
	if o.far, err = l.Accept(); err != nil {
		o.near.Close()
		return nil, err
	}
	o.addr = addrPort(o.near.LocalAddr())
	return o, nil
}

func (o *occupied) Close() {
	// The far end resets, so that the port is free again at once.
	abort(o.far)
	o.near.Close()
}

// serveTLS is the part of a well-behaved TLS server.
func serveTLS(config *tls.Config) func(net.Conn) {
	return func(c net.Conn) { ServeTLS(c, config) }
}
