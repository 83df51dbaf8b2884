package capture

import (
	"crypto/tls"
	"errors"
	"io"
	"net/netip"
	"strings"

	"certsweep/dialer"
	"certsweep/dialer/fingerprint"
	"certsweep/dialer/hello"
	"certsweep/results"
	"certsweep/results/certificate"
	"certsweep/scanner"
)

// maxName bounds a server name: RFC 1035 §2.3.4, though a hello has room for more.
const maxName = 255

// finish makes the record of a flow's handshake.
func (r *Reader) finish(f *flow, end string) {
	if r.err != nil {
		return
	}
	h := f.handshake
	if end != endHandshake {
		h.last = r.now
		if r.advance(f, true) && (end == endFIN || end == endReset) && h.whole(1-f.client) {
			end = endHandshake
		}
	}
	o := &h.observer
	if o.KeyProved && len(o.Certificates) > 0 {
		r.addProof(f, o.Certificates[0])
	}
	server, client := f.endpoint(1-f.client), f.endpoint(f.client)
	target := scanner.Target{
		Line: h.file, Text: h.name,
		Endpoint: dialer.Endpoint{Host: server.Addr().String(), Port: server.Port(), StartTLS: dialer.Protocol(preambleNames[f.preamble])},
	}
	seen := h.seen(server)
	failure := h.outcome(f, end)
	if h.refusedWithoutCertificate(f) {
		failure, seen.ClientCertRequired = nil, true
	}
	var err error
	if failure != nil {
		err = failure
	}
	record := r.Recorder.Record(&target, h.began, &seen, err)
	record.Capture = &results.Capture{
		Client: client.String(), Packet: h.packet, End: end, Seen: 1, OutOfOrder: int(f.outOfOrder), VLAN: f.key.vlans(),
	}
	if r.Clients && len(o.ClientCertificates) > 0 {
		r.addClient(record, o.ClientCertificates)
	}
	if r.Fingerprint && o.HelloSeen {
		record.Capture.JA3 = fingerprint.HashJA3(&o.Hello)
	}
	if r.Fingerprint && o.ServerHelloSeen {
		record.Fingerprints = &results.Fingerprints{JA3S: fingerprint.HashJA3S(&o.Result)}
	}
	if r.unique != nil {
		r.err = r.unique.add(record, r.emit)
		return
	}
	r.err = r.emit(record)
}

// seen is what the server at an address has shown, as a dialer says it.
func (h *handshake) seen(server netip.AddrPort) dialer.Handshake {
	o := &h.observer
	seen := dialer.Handshake{
		Addr:                server,
		ServerName:          results.Shorten(strings.ToValidUTF8(o.Hello.ServerName, "\uFFFD"), maxName),
		PostQuantumOffered:  o.Hello.Offer.PostQuantum(),
		KeyProved:           o.KeyProved,
		ClientCertRequested: o.ClientCertRequested,
		Certificates:        o.Certificates,
	}
	if o.ServerHelloSeen {
		seen.Method, seen.Version, seen.CipherSuite = dialer.MethodCapture, o.Version, o.CipherSuite
		seen.Group, seen.ALPN = tls.CurveID(o.Group), o.ALPN
		seen.OCSPStapled, seen.SCTCount = o.OCSPStapled, o.SCTCount
	}
	if took := h.last.Sub(h.began); took > 0 {
		seen.Timing.Handshake = took
	}
	return seen
}

// addClient describes the client's certificate.
func (r *Reader) addClient(record *results.Record, ders [][]byte) {
	parsed := results.ParseChain(ders, nil)
	for i, der := range ders {
		if i > 0 && !r.Recorder.Chain {
			break
		}
		c := certificate.Read(der, parsed[i], r.Recorder.Judged(record.Time))
		if r.Recorder.PEM {
			c.PEM = certificate.EncodePEM(der)
		}
		if i == 0 {
			record.Capture.ClientCertificate = c
		} else {
			record.Capture.ClientChain = append(record.Capture.ClientChain, c)
		}
	}
}

// endpoint returns the address of a side.
func (f *flow) endpoint(side uint8) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom16(f.key.addr[side]).Unmap(), f.key.port[side])
}

// whole reports whether a reader was left with nothing that it could not use.
func (h *handshake) whole(server uint8) bool {
	return h.errs[server] != nil || h.changed[server] || h.observer.Finished
}

// complete reports whether the server was seen to end its part of the handshake.
func (h *handshake) complete(server uint8) bool {
	o := &h.observer
	return o.ServerHelloSeen && len(o.Certificates) > 0 && (o.Finished || h.changed[server])
}

// refusedWithoutCertificate reports whether the server, which had proved its key,
// went on only with a certificate of the client's, who has none.
func (h *handshake) refusedWithoutCertificate(f *flow) bool {
	o := &h.observer
	_, alert := errors.AsType[hello.AlertError](h.errs[1-f.client])
	return alert && o.Version < tls13 && o.KeyProved && o.ClientCertRequested && o.ClientCertificateSeen && len(o.ClientCertificates) == 0
}

// outcome returns why a handshake is not complete, nil if it is.
func (h *handshake) outcome(f *flow, end string) *dialer.Error {
	o, client, server := &h.observer, f.client, 1-f.client
	alert, clientAlert := errors.AsType[hello.AlertError](h.errs[client])
	switch {
	case errors.Is(h.errs[server], hello.ErrDecrypt):
		return captureError(results.CodeBadKey, "the key log's secret does not decrypt the server's records: it is of another handshake, or packets are missing")
	case h.errs[server] != nil && !h.complete(server):
		return handshakeError(h.errs[server])
	case clientAlert:
		e := handshakeError(alert)
		e.Err = errors.New("the client refused: it sent " + dialer.AlertName(uint8(alert)))
		return e
	case h.complete(server):
		return nil
	case o.Resumed, h.changed[server] && !h.helloDone:
		return captureError(results.CodeResumed, "the session was resumed, without a certificate")
	case h.changed[server], h.skipped:
		return handshakeError(hello.ErrNoCertificate)
	case h.encrypted && !f.hasGap():
		return captureError(results.CodeEncrypted, "TLS 1.3 encrypts the certificate, and no key log has the key")
	}
	return h.missing(f, end)
}

// missing says what of a handshake was not seen.
func (h *handshake) missing(f *flow, end string) *dialer.Error {
	client, server := &f.sides[f.client], &f.sides[1-f.client]
	silent := !h.observer.ServerHelloSeen && !f.hasGap() && h.observer.HelloSeen
	switch {
	case server.cut || client.cut:
		return captureError(results.CodeTruncatedPackets, "packets were cut short when they were captured: capture them whole (tcpdump -s 0)")
	case end == endTotalCap:
		return captureError(results.CodeMemoryCap, "given up for the cap on what is held of all connections")
	case f.hasGap():
		return captureError(results.CodeGap, "packets of the handshake are not in the capture")
	case end == endFlowCap:
		return captureError(results.CodeTooLarge, "given up for the cap on what is held of one connection")
	case silent && f.reset && f.resetBy == 1-f.client:
		return &dialer.Error{Phase: dialer.PhaseHandshake, Code: dialer.CodeReset, Err: errors.New("the server reset the connection")}
	case silent && server.ended():
		return handshakeError(io.EOF)
	case h.observer.Version != 0 && h.encrypted:
		return captureError(results.CodeEncrypted, "TLS 1.3 encrypts the certificate, and no key log has the key")
	case end == endIdle:
		return captureError(results.CodeIncomplete, "no packet came for too long before the handshake was complete")
	case end == endCapture:
		return captureError(results.CodeIncomplete, "the capture ends before the handshake does")
	}
	return captureError(results.CodeIncomplete, "the connection ends before the handshake was complete")
}

// hasGap reports whether bytes are missing of a side that was read.
func (f *flow) hasGap() bool { return f.sides[0].hasGap() || f.sides[1].hasGap() }

// handshakeError is what the dialer makes of an error of package hello.
func handshakeError(err error) *dialer.Error { return dialer.HandshakeError(err) }

func captureError(code, message string) *dialer.Error {
	return &dialer.Error{Phase: dialer.Phase(results.PhaseCapture), Code: dialer.Code(code), Err: errors.New(message)}
}
