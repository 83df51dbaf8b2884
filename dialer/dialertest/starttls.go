package dialertest

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
)

// StartTLSBehaviour is what a [StartTLSServer] does with its clients.
type StartTLSBehaviour string

// The behaviours.
const (
	// StartTLSSuccess changes to TLS when asked to.
	StartTLSSuccess StartTLSBehaviour = "success"
	// StartTLSRefusal says, in the protocol's words, that there is no TLS.
	StartTLSRefusal StartTLSBehaviour = "refusal"
	// StartTLSSilence accepts, listens and never says a word.
	StartTLSSilence StartTLSBehaviour = "silence"
	// StartTLSOneByte is StartTLSSuccess in writes of one byte.
	StartTLSOneByte StartTLSBehaviour = "one byte at a time"
	// StartTLSInjection sends more in one write with its go-ahead.
	StartTLSInjection StartTLSBehaviour = "injection"
	// StartTLSHugeGreeting begins its first message and goes on for 1 MiB.
	StartTLSHugeGreeting StartTLSBehaviour = "1 MiB greeting"
	// StartTLSHalfClose closes in the middle of its go-ahead.
	StartTLSHalfClose StartTLSBehaviour = "closing half-way"
)

// StartTLSBehaviours returns all behaviours.
func StartTLSBehaviours() []StartTLSBehaviour {
	return []StartTLSBehaviour{
		StartTLSSuccess, StartTLSRefusal, StartTLSSilence, StartTLSOneByte,
		StartTLSInjection, StartTLSHugeGreeting, StartTLSHalfClose,
	}
}

// StartTLSProtocols returns the names of the protocols that NewStartTLS knows,
// sorted.
func StartTLSProtocols() []string { return slices.Sorted(maps.Keys(dialogues)) }

// hugeGreeting is how much StartTLSHugeGreeting says.
const hugeGreeting = 1 << 20

// StartTLSServer is a loopback server that speaks as much of a protocol as
// comes before TLS.
type StartTLSServer struct {
	listener  net.Listener
	config    *tls.Config
	dialogue  dialogue
	behaviour StartTLSBehaviour
	serving   sync.WaitGroup

	mu     sync.Mutex
	conns  map[net.Conn]bool // nil when closed
	failed error
}

// NewStartTLS starts a server for one of [StartTLSProtocols] on a free port of
// 127.0.0.1. The configuration is that of its TLS handshakes. Close it after
// use.
func NewStartTLS(protocol string, behaviour StartTLSBehaviour, config *tls.Config) (*StartTLSServer, error) {
	d, ok := dialogues[protocol]
	if !ok {
		return nil, fmt.Errorf("no fake server for %q", protocol)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &StartTLSServer{listener: listener, config: config, dialogue: d, behaviour: behaviour, conns: make(map[net.Conn]bool)}
	s.serving.Go(s.accept)
	return s, nil
}

// Addr returns the address it listens on.
func (s *StartTLSServer) Addr() *net.TCPAddr { return s.listener.Addr().(*net.TCPAddr) }

// Err returns the first thing that a client said against the protocol, or nil.
func (s *StartTLSServer) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failed
}

// Close ends the server and its connections and waits for its goroutines.
func (s *StartTLSServer) Close() {
	s.listener.Close()
	s.mu.Lock()
	for conn := range s.conns {
		conn.Close()
	}
	s.conns = nil
	s.mu.Unlock()
	s.serving.Wait()
}

func (s *StartTLSServer) accept() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		closed := s.conns == nil
		if !closed {
			s.conns[conn] = true
		}
		s.mu.Unlock()
		if closed {
			conn.Close()
			return
		}
		s.serving.Go(func() { s.serve(conn) })
	}
}

func (s *StartTLSServer) serve(raw net.Conn) {
	defer func() {
		raw.Close()
		s.mu.Lock()
		delete(s.conns, raw)
		s.mu.Unlock()
	}()
	// The reader stays under TLS: a MySQL client sends its request and its
	// ClientHello in one go.
	conn := &clearConn{Conn: raw, r: bufio.NewReader(raw), single: s.behaviour == StartTLSOneByte}
	if !s.converse(conn) {
		return
	}
	var under net.Conn = conn
	wrapped := &tdsServerConn{Conn: conn}
	if s.dialogue.insideTDS {
		under = wrapped
	}
	server := tls.Server(under, s.config)
	if server.Handshake() != nil {
		return
	}
	wrapped.done = true
	io.Copy(io.Discard, server)
	server.Close()
}

// converse speaks the dialogue and reports whether TLS follows.
func (s *StartTLSServer) converse(conn *clearConn) bool {
	goAhead := s.dialogue.goAhead()
	first := true
	for i, turn := range s.dialogue.turns {
		var heard string
		if turn.hear != nil {
			var err error
			if heard, err = turn.hear(conn.r); err != nil {
				s.fail(err)
				return false
			}
		}
		if s.behaviour == StartTLSSilence {
			io.Copy(io.Discard, conn)
			return false
		}
		if turn.say == "" {
			continue
		}
		if first && s.behaviour == StartTLSHugeGreeting {
			s.flood(conn)
			return false
		}
		first = false
		say := turn.say
		if i == goAhead {
			switch s.behaviour {
			case StartTLSRefusal:
				say = s.dialogue.refusal
			case StartTLSInjection:
				say += s.dialogue.injected
			case StartTLSHalfClose:
				say = say[:len(say)/2]
			}
		}
		if _, err := io.WriteString(conn, strings.ReplaceAll(say, heardMark, heard)); err != nil {
			return false
		}
		if i == goAhead && s.behaviour == StartTLSRefusal {
			// Until the client has gone: a close now could take the words back.
			io.Copy(io.Discard, conn)
			return false
		}
		if i == goAhead && s.behaviour == StartTLSHalfClose {
			return false
		}
	}
	return true
}

// flood says the beginning of the first message for 1 MiB and waits for the
// client to go.
func (s *StartTLSServer) flood(conn net.Conn) {
	repeat := s.dialogue.flood
	speech := s.dialogue.floodHead + strings.Repeat(repeat, hugeGreeting/len(repeat)+1)
	if _, err := io.WriteString(conn, speech); err == nil {
		io.Copy(io.Discard, conn)
	}
}

// fail keeps what a client did wrong. A client that leaves does nothing wrong.
func (s *StartTLSServer) fail(err error) {
	if _, broken := err.(badSpeech); !broken {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed == nil {
		s.failed = err
	}
}

// clearConn reads through the dialogue's reader.
type clearConn struct {
	net.Conn
	r      *bufio.Reader
	single bool // one byte a write
}

func (c *clearConn) Read(b []byte) (int, error) { return c.r.Read(b) }

func (c *clearConn) Write(b []byte) (int, error) {
	if !c.single {
		return c.Conn.Write(b)
	}
	for i := range b {
		if _, err := c.Conn.Write(b[i : i+1]); err != nil {
			return i, err
		}
	}
	return len(b), nil
}

// dialogue is a server's half of a preamble.
type dialogue struct {
	turns []turn
	// refusal is said in the place of the go-ahead, which is the last turn that
	// says something.
	refusal string
	// injected is what follows the go-ahead too early.
	injected string
	// floodHead and then flood, repeated, are said in the place of the first
	// message.
	floodHead, flood string
	// insideTDS says that the handshake comes inside TDS packets.
	insideTDS bool
}

// turn hears the client out, where hear is not nil, and then says something.
// heardMark in what it says stands for what hear returned.
type turn struct {
	hear func(*bufio.Reader) (string, error)
	say  string
}

const heardMark = "{heard}"

func (d dialogue) goAhead() int {
	for i, t := range slices.Backward(d.turns) {
		if t.say != "" {
			return i
		}
	}
	return -1
}

// badSpeech is a client's breach of the protocol.
type badSpeech string

func (e badSpeech) Error() string { return string(e) }
