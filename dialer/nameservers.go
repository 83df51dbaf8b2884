package dialer

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"time"
)

const (
	// silences in a row make a name server one that is passed over. Some
	// questions stay without an answer by their own fault, but an answer to
	// any other in between starts the count again.
	silences = 8
	// silenceCheck is how often a server that is passed over is asked again.
	silenceCheck = 5 * time.Second
	// systemCheck is for how long the system's list of name servers is taken
	// to be the same; package net looks at the file as often.
	systemCheck = 5 * time.Second
)

// nameServers chooses whom to ask. It is safe for concurrent use.
type nameServers struct {
	// fixed are the servers to take turns. Where there are none, the system's
	// are asked in their order, the second only after the first.
	fixed []string

	mu     sync.Mutex
	turn   int
	silent map[string]*silence

	system []string
	read   time.Time
}

// silence is a server's record of questions without an answer.
type silence struct {
	count int       // in a row
	again time.Time // when to ask it once more, where count has reached its limit
}

// begin returns the place in the list at which a look-up begins.
func (s *nameServers) begin() int {
	if len(s.fixed) == 0 {
		return 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.turn++
	return s.turn - 1
}

// choose returns the server for the try at a place, the next one that is not
// known to be silent.
func (s *nameServers) choose(place int) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := s.list()
	for i := range list {
		server := list[(place+i)%len(list)]
		record := s.silent[server]
		if record == nil || record.count < silences {
			return server
		}
		if now := time.Now(); now.After(record.again) {
			// One look-up finds out; the others still pass it over.
			record.again = now.Add(silenceCheck)
			return server
		}
	}
	return list[place%len(list)]
}

// report tells whether a server answered.
func (s *nameServers) report(server string, answered bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if answered {
		delete(s.silent, server)
		return
	}
	record := s.silent[server]
	if record == nil {
		record = new(silence)
		if s.silent == nil {
			s.silent = make(map[string]*silence)
		}
		s.silent[server] = record
	}
	record.count++
	if record.count == silences {
		record.again = time.Now().Add(silenceCheck)
	}
}

// list returns the servers there are, at least one. The caller holds mu.
func (s *nameServers) list() []string {
	if len(s.fixed) > 0 {
		return s.fixed
	}
	if now := time.Now(); now.Sub(s.read) > systemCheck {
		s.system, s.read = systemServers(), now
	}
	return s.system
}

// systemServers returns the name servers that the system is configured with.
// Package net does not tell, but it dials one after the other where none can
// be reached.
func systemServers() []string {
	var servers []string
	recorder := net.Resolver{PreferGo: true, Dial: func(_ context.Context, _, address string) (net.Conn, error) {
		if !slices.Contains(servers, address) {
			servers = append(servers, address)
		}
		return nil, errors.New("not a name server")
	}}
	// One family, so that one goroutine dials. The name is reserved (RFC 6761).
	recorder.LookupNetIP(context.Background(), "ip4", "servers.invalid.")
	if len(servers) == 0 {
		// As resolv.conf(5) has it where nothing is configured.
		servers = []string{"127.0.0.1:53"}
	}
	return servers
}
