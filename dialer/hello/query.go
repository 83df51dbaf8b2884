package hello

import (
	"crypto/ecdh"
	"crypto/rand"
	"encoding/binary"
	"slices"
	"sync"
)

// maxAnswer bounds what a Query reads, in bytes: as many may be in flight as there
// are targets, and nearly every server needs less than 10 KB.
const maxAnswer = 64 << 10

// Fast12 offers TLS 1.2 and below, so that the certificate comes in the clear and
// without an agreement on keys: 43 suites, those of crypto/tls among them and the
// strong ones first, and the extensions of crypto/tls that a ServerHello or what
// follows it answers.
func Fast12() Offer {
	o := Hello12Short()
	o.OCSP, o.SCT, o.ExtendedMasterSecret = true, true, true
	return o
}

// Fast13 offers TLS 1.3 with one share, in P-256, which costs less to agree on than
// one in X25519 does, and below it what Fast12 does.
func Fast13() Offer {
	o := Fast12()
	o.SupportedVersions = []uint16{versionTLS13, versionTLS12, versionTLS11, versionTLS10}
	o.CipherSuites = slices.Concat([]uint16{0x1301, 0x1302, 0x1303}, o.CipherSuites)
	o.KeyShares = []uint16{groupP256}
	o.SessionID = true
	return o
}

// Query is one hello and its answer, without a connection: for who has many that
// wait, and reads by itself. It ends with the server's first flight and checks no
// signature, so that KeyProved is never set. A Query is begun by an [Asker], and not
// safe for concurrent use.
type Query struct {
	// Result is what the server showed so far.
	Result

	offer *Offer
	hello []byte    // as it goes into the transcript, if it offers TLS 1.3
	share *keyShare // of the same
	in    *Reader   // from the first byte of the answer to the end of the flight
	state queryState
	bye   []byte // the goodbye under TLS 1.3
}

type queryState uint8

const (
	wantServerHello queryState = iota
	wantCertificate
	wantFlight // the rest of the server's
	queryEnded
)

// Asker makes the hellos of queries, all of one offer. It is safe for concurrent use.
type Asker struct {
	offer *Offer
	// record has the hello without a server name, and at its end the key share.
	record     []byte
	extensions int // where their length is
	shares     bool
}

// Where what changes stands in the record of a ClientHello.
const (
	atRecordLength = 3
	atLength       = recordHeaderSize + 1
	atRandom       = recordHeaderSize + handshakeHeaderSize + 2
	atSessionID    = atRandom + 32 + 1
)

// NewAsker returns an Asker for an offer, which must not be changed afterwards. Of its
// KeyShares, no group but P-256 is made one of, and its Extensions are left to it. The
// error is that of [Client.Marshal].
func NewAsker(o Offer) (*Asker, error) {
	o.Extensions = nil
	a := &Asker{offer: &o, shares: slices.Contains(o.KeyShares, groupP256)}
	hello := clientHello{client: &Client{Offer: o}}
	hello.renew()
	if a.shares {
		share, err := recentP256.share()
		if err != nil {
			return nil, err
		}
		hello.shares = []*keyShare{share}
	}
	message, err := hello.marshal()
	if err != nil {
		return nil, err
	}
	a.record = plainRecord(recordHandshake, o.recordVersion(), message)
	a.extensions = atSessionID + len(hello.sessionID) + 2 + 2*len(o.CipherSuites) + 1 + max(1, len(o.Compression))
	return a, nil
}

// Ask begins a query for a server name, which is sent as a [Client] does: it returns
// the hello in its record, to be sent first. If nothing of that is needed for the
// answer, which may never come, the query is nil, and that of Query when it comes.
// The error is of a key share that cannot be made.
func (a *Asker) Ask(serverName string) (*Query, []byte, error) {
	name := sniName(serverName)
	// RFC 6066 §3: the extension's header, the list's length, the name's type and length
	const around = 4 + 2 + 1 + 2
	extra := 0
	if name != "" {
		extra = around + len(name)
	}
	record := make([]byte, len(a.record)+extra)
	after := a.extensions + 2
	copy(record, a.record[:after])
	copy(record[after+extra:], a.record[after:])
	if name != "" {
		grow := func(at int) {
			binary.BigEndian.PutUint16(record[at:], binary.BigEndian.Uint16(record[at:])+uint16(extra))
		}
		grow(atRecordLength)
		grow(atLength + 1) // below 64 KiB: the message fits into a record
		grow(a.extensions)
		sni := record[after:]
		binary.BigEndian.PutUint16(sni, extensionServerName)
		binary.BigEndian.PutUint16(sni[2:], uint16(extra-4))
		binary.BigEndian.PutUint16(sni[4:], uint16(extra-6))
		binary.BigEndian.PutUint16(sni[7:], uint16(len(name)))
		copy(sni[around:], name)
	}
	rand.Read(record[atRandom : atRandom+32])
	if a.offer.SessionID {
		rand.Read(record[atSessionID : atSessionID+32])
	}
	if !a.shares {
		return nil, record, nil
	}
	share, err := recentP256.share()
	if err != nil {
		return nil, nil, err
	}
	copy(record[len(record)-len(share.public):], share.public)
	q := a.Query()
	q.share, q.hello = share, record[recordHeaderSize:]
	return q, record, nil
}

// Query returns the query of a hello for which Ask returned none.
func (a *Asker) Query() *Query { return &Query{offer: a.offer} }

// reused is a key share for several hellos. What is agreed on with it protects
// nothing but a certificate that the server shows to anybody, and a new key for
// each hello would cost as much as the rest of it.
type reused struct {
	mu   sync.Mutex
	key  *keyShare
	uses int
}

const maxUses = 256

var recentP256 reused

func (r *reused) share() (*keyShare, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.key == nil || r.uses == maxUses {
		key, err := newECDH(groupP256, ecdh.P256())
		if err != nil {
			return nil, err
		}
		r.key, r.uses = key, 0
	}
	r.uses++
	return r.key, nil
}

// readers are those of queries, for their buffers.
var readers = sync.Pool{New: func() any { return new(Reader) }}

// Room returns where to put what is received next, never empty. No memory is held
// for the answer before it is called.
func (q *Query) Room() []byte {
	if q.in == nil {
		q.in = readers.Get().(*Reader)
	}
	// Below maxAnswer, which Received keeps to, there is always room.
	free, _ := q.in.records.free(q.in.records.missing(), firstBuffer)
	return free
}

// Received takes the n bytes that were put into Room. ended is true if the server's
// flight is at its end, or the certificate and something that cannot be its
// flight is there: nothing more is of use. The error, which ends the query too, is as
// in [Client.Fetch]; with one there is no certificate.
func (q *Query) Received(n int) (ended bool, err error) {
	if q.state == queryEnded {
		return true, nil
	}
	q.in.records.fed(n)
	for q.state != queryEnded {
		message, err := q.in.Next()
		switch {
		case err == ErrMore && q.in.records.total < maxAnswer:
			return false, nil
		case err == ErrMore:
			err = ErrTooLarge
		case err == nil:
			err = q.add(message)
		}
		if err != nil {
			return true, q.end(err)
		}
	}
	return true, q.end(nil)
}

// Closed says that no more comes of the answer, and why, io.EOF for an ordinary
// end. The error is as in [Client.Fetch]; it is nil if the certificate is there.
func (q *Query) Closed(err error) error {
	if q.state == queryEnded {
		return nil
	}
	if q.in == nil {
		q.in = readers.Get().(*Reader)
	}
	return q.end(q.in.records.ended(err))
}

// end gives the buffers back.
func (q *Query) end(err error) error {
	q.state, q.hello, q.share = queryEnded, nil, nil
	if q.in != nil {
		if in := q.in; in.Held() <= 4*firstBuffer {
			*in = Reader{records: records{buf: in.records.buf}, buf: in.buf[:0]}
			readers.Put(in)
		}
		q.in = nil
	}
	if len(q.Certificates) > 0 {
		return nil
	}
	return err
}

// add takes the next message.
func (q *Query) add(m Message) error {
	switch {
	case q.state == wantServerHello:
		q.state = wantCertificate
		return q.addServerHello(m)
	case q.state == wantCertificate:
		return q.addCertificate(m)
	case m.Type == TypeServerHelloDone, m.Type == TypeFinished:
		q.state = queryEnded
		return nil
	case m.Type == TypeCertificate || m.Type == TypeCompressedCertificate:
		return protocolError("a second Certificate message")
	}
	return q.Result.Add(m)
}

func (q *Query) addServerHello(m Message) error {
	if m.Type != TypeServerHello {
		return protocolError("message %d in place of ServerHello", m.Type)
	}
	server, err := ParseServerHello(m.Body())
	q.Result.addServerHello(&server)
	q.SupportsTLS13 = server.downgraded(q.offer)
	switch {
	case err != nil:
		return err
	case !q.offer.takes(server.Version):
		return protocolError("the server chose version %s, which was not offered", VersionName(server.Version))
	case server.Version != versionTLS13:
		return nil
	case server.Retry:
		return protocolError("a HelloRetryRequest for %s", GroupName(server.Group))
	case q.share == nil || q.share.group != server.Group:
		return protocolError("the server has a key share in %s, and the client none", GroupName(server.Group))
	}
	return q.startDecrypting(&server, m.Raw)
}

func (q *Query) startDecrypting(server *ServerHello, raw []byte) error {
	suite, ok := suites13[server.CipherSuite]
	if !ok || !slices.Contains(q.offer.CipherSuites, server.CipherSuite) {
		return protocolError("the server chose %s for TLS 1.3, which was not offered", SuiteName(server.CipherSuite))
	}
	shared, err := q.share.agree(server.KeyShare)
	if err != nil {
		return err
	}
	transcript := suite.hash()
	transcript.Write(q.hello)
	transcript.Write(raw)
	secret, err := suite.handshakeSecret(shared)
	if err != nil {
		return err
	}
	hash := transcript.Sum(nil)
	theirs, err := suite.serverTraffic(secret, hash)
	if err != nil {
		return err
	}
	ours, err := suite.clientTraffic(secret, hash)
	if err != nil {
		return err
	}
	if q.bye, err = suite.sealAlert(ours, alertLevelWarning, alertCloseNotify); err != nil {
		return err
	}
	return q.in.Decrypt(server.CipherSuite, theirs)
}

func (q *Query) addCertificate(m Message) error {
	switch {
	case m.Type == TypeCertificate, m.Type == TypeCompressedCertificate && q.Version == versionTLS13:
		q.state = wantFlight
		return q.Result.Add(m)
	case q.Version == versionTLS13 && (m.Type == TypeEncryptedExtensions || m.Type == TypeCertificateRequest):
		return q.Result.Add(m)
	}
	switch m.Type {
	case TypeServerKeyExchange, TypeCertificateRequest, TypeServerHelloDone, TypeCertificateVerify, TypeFinished:
		return ErrNoCertificate
	}
	return protocolError("message %d in place of Certificate", m.Type)
}

// Goodbye returns the record of the close_notify that ends the connection (RFC
// 8446 §6.1), encrypted under TLS 1.3 once there are keys; nil as long as no
// ServerHello came.
func (q *Query) Goodbye() []byte {
	if q.Version == 0 || q.bye != nil {
		return q.bye
	}
	record := []byte{recordAlert, 0, 0, 0, 2, alertLevelWarning, alertCloseNotify}
	binary.BigEndian.PutUint16(record[1:], min(q.Version, versionTLS12))
	return record
}
