package starttls

import (
	"encoding/binary"
	"fmt"
	"math"
	"strings"
)

// ldapStartTLS is the extended request of RFC 4511 §4.14.1 as message 1.
const ldapStartTLS = "\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037"

// The tags of RFC 4511 that a preamble meets.
const (
	ldapSequence         = 0x30
	ldapInteger          = 0x02
	ldapEnumerated       = 0x0a
	ldapOctets           = 0x04
	ldapExtendedResponse = 0x78
)

// ldap is RFC 4511 §4.14.
func ldap(p *preamble) error {
	if err := p.send(ldapStartTLS); err != nil {
		return err
	}
	head, err := p.next(2)
	if err != nil {
		return err
	}
	if head[0] != ldapSequence {
		return unexpected("an LDAP message", string(head))
	}
	// Active Directory writes every length in five bytes, as BER allows and DER
	// does not.
	if n := int(head[1]) - 0x80; n > 0 && n <= 4 {
		length, err := p.next(n)
		if err != nil {
			return err
		}
		head = append(head, length...)
	}
	n, ok := berLength(head[1:])
	if !ok {
		return unexpected("an LDAP message", string(head))
	}
	message, err := p.next(n)
	if err != nil {
		return err
	}
	_, operation, ok := berElement(message, ldapInteger)
	if !ok {
		return unexpected("an LDAP message", string(message))
	}
	response, _, ok := berElement(operation, ldapExtendedResponse)
	if !ok {
		return unexpected("an LDAP extended response", string(message))
	}
	result, rest, ok := berElement(response, ldapEnumerated)
	if !ok || len(result) != 1 {
		return unexpected("an LDAP extended response", string(message))
	}
	if result[0] == 0 {
		return nil
	}
	_, rest, _ = berElement(rest, ldapOctets) // matchedDN
	diagnostic, _, _ := berElement(rest, ldapOctets)
	return refused(fmt.Sprintf("result %d %s", result[0], diagnostic))
}

// berLength reads a whole definite length (X.690 §8.1.3).
func berLength(b []byte) (int, bool) {
	if len(b) == 1 {
		return int(b[0]), b[0] < 0x80
	}
	var n uint32
	for _, c := range b[1:] {
		n = n<<8 | uint32(c)
	}
	return bounded(n), int(b[0]) == 0x80+len(b)-1
}

// bounded returns a length that an int of 32 bits holds too: one that is cut is too
// large for anything that is read here.
func bounded(n uint32) int { return int(min(n, math.MaxInt32)) }

// berElement takes the first element off b, which must have the given tag.
func berElement(b []byte, tag byte) (value, rest []byte, ok bool) {
	if len(b) < 2 || b[0] != tag {
		return nil, nil, false
	}
	end := 2
	if b[1] > 0x80 && b[1] <= 0x84 {
		end += int(b[1]) - 0x80
	}
	if len(b) < end {
		return nil, nil, false
	}
	n, ok := berLength(b[1:end])
	if !ok || n > len(b)-end {
		return nil, nil, false
	}
	return b[end : end+n], b[end+n:], true
}

// postgresSSLRequest is PostgreSQL's "SSLRequest" message (Message Formats).
const postgresSSLRequest = "\x00\x00\x00\x08\x04\xd2\x16\x2f"

// postgres asks with SSLRequest; the answer is a single byte.
func postgres(p *preamble) error {
	if err := p.send(postgresSSLRequest); err != nil {
		return err
	}
	answer, err := p.next(1)
	if err != nil {
		return err
	}
	switch answer[0] {
	case 'S':
		return nil
	case 'N':
		return refused("N")
	case 'E':
		// The refusal stands, whether or not its text can be read.
		text, _ := p.postgresError()
		return refused("E" + text)
	}
	return unexpected("S or N", string(answer))
}

// postgresError reads what follows the E: text up to a NUL from a server that
// fails before it knows the client's version, or else a length and fields, each
// with a type byte and a NUL at its end.
func (p *preamble) postgresError() (string, error) {
	first, err := p.r.Peek(1)
	if err != nil {
		return "", err
	}
	if first[0] != 0 {
		text, err := p.r.ReadString(0)
		return strings.TrimSuffix(text, "\x00"), err
	}
	length, err := p.next(4)
	if err != nil {
		return "", err
	}
	// The length counts itself.
	fields, err := p.next(max(bounded(binary.BigEndian.Uint32(length)), 4) - 4)
	return string(fields), err
}

// MySQL's capability flags (Client/Server Protocol, Capabilities Flags).
const (
	mysqlProtocol41       = 0x00000200
	mysqlSSL              = 0x00000800
	mysqlSecureConnection = 0x00008000
	mysqlPluginAuth       = 0x00080000
)

// mysql waits for the greeting (Protocol::HandshakeV10) and answers with an
// SSLRequest. There is no further go-ahead: the greeting was it.
func mysql(p *preamble) error {
	header, err := p.next(4)
	if err != nil {
		return err
	}
	n := int(header[0]) | int(header[1])<<8 | int(header[2])<<16
	// Checked before the rest is waited for: text taken for a length is large.
	if header[3] > 1 || n == 0 {
		return unexpected("a MySQL greeting", string(header))
	}
	body, err := p.next(n)
	if err != nil {
		return err
	}
	if body[0] == 0xff && n > 3 {
		return refused(string(body[3:]))
	}
	version, after, ok := strings.Cut(string(body[1:]), "\x00")
	// Thread id, eight bytes of salt and a filler come before the capabilities.
	const capabilities = 4 + 8 + 1
	if body[0] != 10 || !ok || len(after) < capabilities+2 {
		return unexpected("a MySQL greeting", string(header)+string(body))
	}
	if binary.LittleEndian.Uint16([]byte(after[capabilities:]))&mysqlSSL == 0 {
		return refused(version + " without the SSL capability")
	}
	request := make([]byte, 4+32)
	request[0], request[3] = 32, header[3]+1
	binary.LittleEndian.PutUint32(request[4:], mysqlProtocol41|mysqlSSL|mysqlSecureConnection|mysqlPluginAuth)
	binary.LittleEndian.PutUint32(request[8:], 1<<24) // the largest packet
	request[12] = 45                                  // utf8mb4_general_ci
	return p.send(string(request))
}

// rdpRequest is a connection request (X.224 §13.3 in a TPKT of RFC 1006 §6)
// with an RDP Negotiation Request (MS-RDPBCGR §2.2.1.1.1) for TLS, CredSSP and
// CredSSP with early user authorization: each begins with TLS.
const rdpRequest = "\x03\x00\x00\x13" + "\x0e\xe0\x00\x00\x00\x00\x00" + "\x01\x00\x08\x00\x0b\x00\x00\x00"

// rdpFailures has the codes of MS-RDPBCGR §2.2.1.2.2.
var rdpFailures = []string{
	1: "SSL_REQUIRED_BY_SERVER", 2: "SSL_NOT_ALLOWED_BY_SERVER", 3: "SSL_CERT_NOT_ON_SERVER",
	4: "INCONSISTENT_FLAGS", 5: "HYBRID_REQUIRED_BY_SERVER", 6: "SSL_WITH_USER_AUTH_REQUIRED_BY_SERVER",
}

// rdp is MS-RDPBCGR §1.3.1.1, connection initiation.
func rdp(p *preamble) error {
	if err := p.send(rdpRequest); err != nil {
		return err
	}
	header, err := p.next(4)
	if err != nil {
		return err
	}
	length := int(binary.BigEndian.Uint16(header[2:]))
	if header[0] != 3 || length < 11 {
		return unexpected("a TPKT header", string(header))
	}
	confirm, err := p.next(length - 4)
	if err != nil {
		return err
	}
	if int(confirm[0]) != length-5 || confirm[1]&0xf0 != 0xd0 {
		return unexpected("an X.224 connection confirm", string(header)+string(confirm))
	}
	negotiation := confirm[7:]
	if len(negotiation) < 8 {
		return refused("connection confirm without negotiation: standard RDP security")
	}
	value := binary.LittleEndian.Uint32(negotiation[4:])
	switch negotiation[0] {
	case 2:
		if value == 0 {
			return refused("PROTOCOL_RDP: standard RDP security")
		}
		return nil
	case 3:
		if value > 0 && value < uint32(len(rdpFailures)) {
			return refused(rdpFailures[value])
		}
		return refused(fmt.Sprintf("failure code %d", value))
	}
	return unexpected("an RDP negotiation response", string(negotiation))
}
