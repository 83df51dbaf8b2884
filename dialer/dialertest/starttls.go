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
	// StartTLSImpostor changes to TLS 1.3 without the key of its certificate, and
	// sends certificate_required where its signature should stand.
	StartTLSImpostor StartTLSBehaviour = "an impostor"
)

// StartTLSBehaviours returns the behaviours before TLS, which is all but
// StartTLSImpostor.
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

// StartTLSServer is a [Server] that speaks as much of a protocol as comes
// before TLS, and is a well-behaved TLS server then: see [ServeTLS].
type StartTLSServer struct {
	*Server

	mu     sync.Mutex
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
	s := new(StartTLSServer)
	speaker := speaker{dialogue: d, behaviour: behaviour, config: config, fail: s.fail}
	var err error
	if s.Server, err = Listen(loopback, speaker.serve); err != nil {
		return nil, err
	}
	return s, nil
}

// Err returns the first thing that a client said against the protocol, or nil.
func (s *StartTLSServer) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failed
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

// speaker is a server's part in a protocol, up to the end of TLS.
type speaker struct {
	dialogue  dialogue
	behaviour StartTLSBehaviour
	config    *tls.Config
	fail      func(error) // is told what a client said that ended the dialogue
}

func (s *speaker) serve(raw net.Conn) {
	// The reader stays under TLS: a MySQL client sends its request and its
	// ClientHello in one go.
	conn := &clearConn{Conn: raw, r: bufio.NewReader(raw), single: s.behaviour == StartTLSOneByte}
	if s.converse(conn) {
		wrapped := &tdsServerConn{Conn: conn, done: !s.dialogue.insideTDS}
		if s.behaviour == StartTLSImpostor {
			pretend(wrapped, s.config.Certificates[0])
		} else if t := tls.Server(wrapped, s.config); t.Handshake() == nil {
			wrapped.done = true
			waitForGoodbye(t)
		}
	}
	finish(raw)
}

// converse speaks the dialogue and reports whether TLS follows.
func (s *speaker) converse(conn *clearConn) bool {
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
			discard(conn)
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
		if i == goAhead && (s.behaviour == StartTLSRefusal || s.behaviour == StartTLSHalfClose) {
			return false
		}
	}
	return true
}

// flood says the beginning of the first message for 1 MiB.
func (s *speaker) flood(conn net.Conn) {
	repeat := s.dialogue.flood
	io.WriteString(conn, s.dialogue.floodHead+strings.Repeat(repeat, hugeGreeting/len(repeat)+1))
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

// turn hears the client out, if hear is not nil, and then says something.
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
