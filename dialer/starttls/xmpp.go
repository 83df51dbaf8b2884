package starttls

import (
	"bufio"
	"encoding/xml"
	"strings"
)

// The namespaces of RFC 6120 §4.8 and §5.
const (
	xmppStreams = "http://etherx.jabber.org/streams"
	xmppTLS     = "urn:ietf:params:xml:ns:xmpp-tls"
)

// xmpp is the preamble of RFC 6120 §5.4 with the content namespace of clients
// or servers.
func xmpp(content string) func(*preamble) error {
	return func(p *preamble) error {
		if err := p.send(xmppHeader(content, p.name)); err != nil {
			return err
		}
		s := newXMPPStream(p.r)
		if err := s.header(); err != nil {
			return err
		}
		offered, err := s.features()
		if err != nil {
			return err
		}
		if !offered {
			return refused(string(s.heard.words))
		}
		if err := p.send("<starttls xmlns='" + xmppTLS + "'/>"); err != nil {
			return err
		}
		return s.proceed()
	}
}

func xmppHeader(content, name string) string {
	var b strings.Builder
	b.WriteString("<?xml version='1.0'?><stream:stream xmlns='" + content + "' xmlns:stream='" + xmppStreams + "' version='1.0'")
	if content == "jabber:server" {
		b.WriteString(" xmlns:db='jabber:server:dialback' from='" + clientName + "'")
	}
	b.WriteString(" to='")
	xml.EscapeText(&b, []byte(name)) // a strings.Builder does not fail
	b.WriteString("'>")
	return b.String()
}

// xmppStream reads the server's half of a stream.
type xmppStream struct {
	heard *xmppHeard
	d     *xml.Decoder
}

func newXMPPStream(r *bufio.Reader) *xmppStream {
	heard := &xmppHeard{r: r}
	return &xmppStream{heard, xml.NewDecoder(heard)}
}

// header reads the stream's start tag.
func (s *xmppStream) header() error {
	e, err := s.element()
	if err != nil {
		return err
	}
	if e.Name != (xml.Name{Space: xmppStreams, Local: "stream"}) {
		return unexpected("<stream>", string(s.heard.words))
	}
	for _, a := range e.Attr {
		if a.Name.Local == "version" {
			return nil
		}
	}
	// A stream without a version has no features (§4.7.5): nothing would follow.
	return refused(string(s.heard.words))
}

// features reads the list of features and reports whether STARTTLS is one.
func (s *xmppStream) features() (offered bool, err error) {
	e, err := s.element()
	if err != nil {
		return false, err
	}
	if e.Name != (xml.Name{Space: xmppStreams, Local: "features"}) {
		return false, s.notExpected(e, "<features>")
	}
	for {
		token, err := s.token()
		if err != nil {
			return false, err
		}
		switch token := token.(type) {
		case xml.StartElement:
			if token.Name == (xml.Name{Space: xmppTLS, Local: "starttls"}) {
				offered = true
			}
			if err := s.skip(); err != nil {
				return false, err
			}
		case xml.EndElement:
			return offered, nil
		}
	}
}

// proceed reads the server's answer to <starttls/>.
func (s *xmppStream) proceed() error {
	e, err := s.element()
	if err != nil {
		return err
	}
	if e.Name != (xml.Name{Space: xmppTLS, Local: "proceed"}) {
		return s.notExpected(e, "<proceed>")
	}
	return s.skip()
}

// notExpected is the failure of a server that answered with e: a stream error
// and <failure/> are refusals, whose words end with the element.
func (s *xmppStream) notExpected(e xml.StartElement, want string) error {
	isError := e.Name == (xml.Name{Space: xmppStreams, Local: "error"})
	isFailure := e.Name == (xml.Name{Space: xmppTLS, Local: "failure"})
	if !isError && !isFailure {
		return unexpected(want, string(s.heard.words))
	}
	// The refusal stands, whole or not.
	_ = s.skip()
	return refused(string(s.heard.words))
}

// element reads up to the next start tag and forgets the words before it.
func (s *xmppStream) element() (xml.StartElement, error) {
	for {
		s.heard.words = s.heard.words[:0]
		token, err := s.token()
		if err != nil {
			return xml.StartElement{}, err
		}
		switch token := token.(type) {
		case xml.StartElement:
			return token, nil
		case xml.EndElement:
			return xml.StartElement{}, refused(string(s.heard.words))
		case xml.CharData:
			if strings.TrimSpace(string(token)) != "" {
				return xml.StartElement{}, unexpected("XML", string(s.heard.words))
			}
		}
	}
}

func (s *xmppStream) token() (xml.Token, error) {
	token, err := s.d.Token()
	return token, s.failure(err)
}

func (s *xmppStream) skip() error { return s.failure(s.d.Skip()) }

// failure tells the errors of reading, which the decoder may report as bad
// XML, from bad XML.
func (s *xmppStream) failure(err error) error {
	switch {
	case err == nil:
		return nil
	case s.heard.err != nil:
		return cutOff(string(s.heard.words), s.heard.err)
	}
	return unexpected("XML", string(s.heard.words))
}

// xmppHeard gives the decoder one byte at a time, so that it takes none beyond
// the tag it returns, and keeps the beginning of what it gave.
type xmppHeard struct {
	r     *bufio.Reader
	words []byte
	err   error
}

func (h *xmppHeard) ReadByte() (byte, error) {
	c, err := h.r.ReadByte()
	if err != nil {
		h.err = err
	} else if len(h.words) < maxWords {
		h.words = append(h.words, c)
	}
	return c, err
}

// Read is there because an xml.Decoder takes an io.Reader; it calls ReadByte.
func (h *xmppHeard) Read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	var err error
	b[0], err = h.ReadByte()
	if err != nil {
		return 0, err
	}
	return 1, nil
}
