package hello

import "net"

// Client says what to ask of a server. The zero value is ready for use. A
// Client is not changed by its use and may be used by several goroutines at
// once.
type Client struct {
	// Offer is what the hello offers; the zero Offer is that of Hello13.
	Offer Offer

	// ServerName is sent as SNI (RFC 6066 §3). If it is empty or an IP address,
	// nothing is.
	ServerName string
}

// Fetch sends the hello on conn and reads until it has the Certificate
// message. It blocks for as long as conn lets it: deadlines are the caller's to
// set and conn is the caller's to close, with whatever the server went on to
// send still unread. If conn has AwaitRead() error, that is called before the
// first read, and no memory is held for the answer until it returns.
//
// The error is of type [AlertError], [*NotTLSError], [*RecordError] or
// [*ProtocolError], wraps [ErrTooLarge] or [ErrNoCertificate], or wraps the
// error of conn, with io.EOF for a close_notify. Result then holds what was
// learnt, which below TLS 1.3 may even be certificates.
func (c *Client) Fetch(conn net.Conn) (Result, error) {
	f := &fetch{client: c.usual(), conn: conn}
	sent, err := f.ask()
	if err == nil {
		err = f.run(sent)
	}
	return f.result, err
}

// Marshal returns a ClientHello in its record, for a caller that sends it by
// itself and reads the answer with a [Reader]. Random, session ID and key shares
// are new in each; the keys of the shares are not kept. The error says that
// the hello does not fit into a record, or that a share cannot be made.
func (c *Client) Marshal() ([]byte, error) {
	c = c.usual()
	hello, err := newClientHello(c)
	if err != nil {
		return nil, err
	}
	message, err := hello.marshal()
	if err != nil {
		return nil, err
	}
	return plainRecord(recordHandshake, c.Offer.recordVersion(), message), nil
}

// usual returns c with the default offer if it has none.
func (c *Client) usual() *Client {
	if c.Offer.Version == 0 {
		return &Client{Offer: Hello13(), ServerName: c.ServerName}
	}
	return c
}
