package dialertest

import (
	"crypto/tls"
	"encoding/binary"
	"net"
)

// A suite that crypto/tls offers, and one that is not assigned, which nobody
// offers.
const (
	ecdsaSuite      = tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
	unassignedSuite = 0x5b5b
)

// script sends records in answer to the ClientHello and then does as end says.
func script(end func(net.Conn), records ...[]byte) func(net.Conn) {
	return func(c net.Conn) {
		if readRecord(c) == nil {
			return
		}
		for _, r := range records {
			if _, err := c.Write(r); err != nil {
				return
			}
		}
		end(c)
	}
}

// hello12 is a ServerHello of TLS 1.2 without extensions (RFC 5246 §7.4.1.3).
func hello12(suite uint16) []byte {
	body := binary.BigEndian.AppendUint16(nil, tls.VersionTLS12)
	body = append(body, make([]byte, 32)...) // random
	body = append(body, 0)                   // no session
	body = binary.BigEndian.AppendUint16(body, suite)
	return record(recordHandshake, Message(serverHello, append(body, 0)))
}

// certificate12 is a Certificate message of TLS 1.2 (RFC 5246 §7.4.2).
func certificate12(cert tls.Certificate) []byte {
	var list []byte
	for _, der := range cert.Certificate {
		list = append(append(list, byte(len(der)>>16), byte(len(der)>>8), byte(len(der))), der...)
	}
	list = append([]byte{byte(len(list) >> 16), byte(len(list) >> 8), byte(len(list))}, list...)
	return record(recordHandshake, Message(certificate, list))
}

// afterCertificate returns a TLS 1.2 server that goes no further than its
// Certificate message.
func afterCertificate(host string, end func(net.Conn)) func(*pki) func(net.Conn) {
	return func(p *pki) func(net.Conn) {
		cert := p.inter.Issue(Leaf{DNSNames: []string{host}})
		return script(end, hello12(ecdsaSuite), certificate12(cert))
	}
}

// forged returns a server whose signatures do not belong to its certificate.
func forged(host string, version uint16) func(*pki) func(net.Conn) {
	return func(p *pki) func(net.Conn) {
		cert := p.inter.Issue(Leaf{DNSNames: []string{host}})
		cert.PrivateKey = P256.generate()
		config := only(version)
		config.Certificates = []tls.Certificate{cert}
		return serveTLS(config)
	}
}

// handshakeCases begin a handshake and do not complete it.
func handshakeCases() []Case {
	done := record(recordHandshake, Message(serverHelloDone, nil))
	return []Case{
		newCase("oversized-record", "It announces a record longer than TLS allows.",
			failed("bad_record"), raw(script(finish, []byte{recordHandshake, 3, 3, 0xff, 0xff}))),
		newCase("unoffered-suite", "It chooses a cipher suite that was not offered.",
			failed("protocol"), raw(script(finish, hello12(unassignedSuite)))),
		newCase("warning-flood", "It sends warning alerts for ever in place of a ServerHello.",
			failed("too_large"), raw(warnings)).plain(failed("protocol")),
		newCase("retry-loop", "It answers every ClientHello with a HelloRetryRequest.",
			failed("protocol"), raw(retryLoop)),
		newCase("bad-signature-tls12", "TLS 1.2; its ServerKeyExchange is signed with another key than its certificate's.",
			failed("protocol").withCertificate(), forged("bad-signature-tls12.test", tls.VersionTLS12)),
		newCase("bad-signature-tls13", "TLS 1.3; its CertificateVerify is signed with another key than its certificate's.",
			failed("protocol").withCertificate(), forged("bad-signature-tls13.test", tls.VersionTLS13)),
		newCase("no-certificate", "TLS 1.2; it leaves out the Certificate message.",
			failed("no_certificate"), raw(script(finish, hello12(ecdsaSuite), done))).plain(failed("protocol")),
		newCase("empty-certificate", "TLS 1.2; its Certificate message holds no certificate.",
			failed("no_certificate"), raw(script(finish, hello12(ecdsaSuite), certificate12(tls.Certificate{}), done))).plain(failed("protocol")),
		newCase("too-large", "TLS 1.2; its Certificate message is 16 MiB long.",
			failed("too_large"), raw(script(endlessCertificate, hello12(ecdsaSuite)))).plain(failed("protocol")),
		newCase("stall-after-hello", "TLS 1.2; it falls silent after its ServerHello.",
			failed("timeout"), raw(script(discard, hello12(ecdsaSuite)))),
		newCase("stall-after-certificate", "TLS 1.2; it falls silent after its Certificate message.",
			failed("timeout"), afterCertificate("stall-after-certificate.test", discard)),
		newCase("eof-after-certificate", "TLS 1.2; it closes the connection after its Certificate message.",
			failed("eof").withCertificate(), afterCertificate("eof-after-certificate.test", finish)).plain(failed("eof")),
	}
}

// endlessCertificate sends a Certificate message of the greatest length there
// is, which claims to hold one certificate.
func endlessCertificate(c net.Conn) {
	const length = 1<<24 - 1
	head := make([]byte, maxPlaintext)
	copy(head, []byte{certificate, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfc, 0xff, 0xff, 0xf9})
	if _, err := c.Write(record(recordHandshake, head)); err != nil {
		return
	}
	more := record(recordHandshake, make([]byte, maxPlaintext))
	for sent := maxPlaintext; sent < length; sent += maxPlaintext {
		if _, err := c.Write(more); err != nil {
			return
		}
	}
	finish(c)
}

// warnings sends no_renegotiation, a warning that means nothing here.
func warnings(c net.Conn) {
	if readRecord(c) == nil {
		return
	}
	for {
		if _, err := c.Write(record(recordAlert, []byte{1, 100})); err != nil {
			return
		}
	}
}

// retryRandom is the random that makes a ServerHello a HelloRetryRequest
// (RFC 8446 §4.1.3).
const retryRandom = "\xcf\x21\xad\x74\xe5\x9a\x61\x11\xbe\x1d\x8c\x02\x1e\x65\xb8\x91" +
	"\xc2\xa2\x11\x16\x7a\xbb\x8c\x5e\x07\x9e\x09\xe2\xc8\xa8\x33\x9c"

// retryLoop asks for a P-256 key share, and again when it has it.
func retryLoop(c net.Conn) {
	for {
		hello := readRecord(c)
		if hello == nil {
			break
		}
		if len(hello) < 39 || len(hello) < 39+int(hello[38]) {
			continue // a change_cipher_spec or an alert
		}
		body := append([]byte{3, 3}, retryRandom...)
		body = append(body, hello[38:39+int(hello[38])]...) // echo of the session's ID
		body = binary.BigEndian.AppendUint16(body, tls.TLS_AES_128_GCM_SHA256)
		body = append(body, 0, 0, 12,
			0, 43, 0, 2, 3, 4, // supported_versions: TLS 1.3
			0, 51, 0, 2, 0, byte(tls.CurveP256)) // key_share
		if _, err := c.Write(record(recordHandshake, Message(serverHello, body))); err != nil {
			return
		}
	}
	finish(c)
}
