package capture

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"io"
)

// KeyLog has the handshake secrets of TLS 1.3 by the ClientHello's random, out of
// a file that browsers and others write for SSLKEYLOGFILE
// (draft-ietf-tls-keylogfile). The zero value is empty and ready for use. It is not
// safe for concurrent use.
type KeyLog struct {
	secrets map[[32]byte]*secrets
	// embedded are the randoms of what captures brought along, the oldest first.
	embedded []([32]byte)
	// maxEmbedded bounds them.
	maxEmbedded int
	dropped     int
}

// secrets are those of one handshake, empty if the log lacks them. They are as
// long as the suite's hash.
type secrets struct {
	server, client       [48]byte
	serverLen, clientLen uint8
}

// secretCost is what the secrets of a handshake take, in bytes.
const secretCost = 320

// Read adds a key log, which it reads to the end. known says whether any line of it
// was one.
func (k *KeyLog) Read(r io.Reader) (known bool, err error) {
	before := len(k.secrets)
	counted := &countingLines{}
	err = k.read(r, false, counted)
	return counted.known || len(k.secrets) > before, err
}

func (k *KeyLog) add(r io.Reader, embedded bool) error {
	return k.read(r, embedded, &countingLines{})
}

type countingLines struct{ known bool }

// labels are those of lines that say nothing of a handshake's secrets.
var labels = [][]byte{
	[]byte("CLIENT_RANDOM"), []byte("RSA"), []byte("CLIENT_EARLY_TRAFFIC_SECRET"), []byte("EARLY_EXPORTER_SECRET"), []byte("EARLY_EXPORTER_MASTER_SECRET"),
	[]byte("CLIENT_TRAFFIC_SECRET_0"), []byte("SERVER_TRAFFIC_SECRET_0"), []byte("EXPORTER_SECRET"), []byte("ECH_SECRET"), []byte("ECH_CONFIG"),
}

// read takes the lines that it knows, and passes over others, longer ones too.
func (k *KeyLog) read(r io.Reader, embedded bool, counted *countingLines) error {
	const longest = 4096 // labels, 64 and 96 digits need 200
	in := bufio.NewReaderSize(r, longest)
	for skipping := false; ; {
		line, err := in.ReadSlice('\n')
		if err == bufio.ErrBufferFull {
			skipping = true
			continue
		}
		if !skipping {
			k.addLine(bytes.TrimSpace(line), embedded, counted)
		}
		skipping = false
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (k *KeyLog) addLine(line []byte, embedded bool, counted *countingLines) {
	label, rest, _ := bytes.Cut(line, []byte{' '})
	digits, secret, ok := bytes.Cut(rest, []byte{' '})
	if !ok {
		return
	}
	server := string(label) == "SERVER_HANDSHAKE_TRAFFIC_SECRET"
	if !server && string(label) != "CLIENT_HANDSHAKE_TRAFFIC_SECRET" {
		for _, known := range labels {
			counted.known = counted.known || bytes.Equal(label, known)
		}
		return
	}
	var random [32]byte
	var value [48]byte
	if len(digits) != hex.EncodedLen(len(random)) || len(secret) > hex.EncodedLen(len(value)) || len(secret) == 0 {
		return
	}
	_, err := hex.Decode(random[:], digits)
	n, secretErr := hex.Decode(value[:], secret)
	if err != nil || secretErr != nil {
		return
	}
	counted.known = true
	s := k.of(random, embedded)
	if server {
		s.server, s.serverLen = value, uint8(n)
	} else {
		s.client, s.clientLen = value, uint8(n)
	}
}

// of returns the secrets of a handshake, new ones if there are none. A capture
// could bring any number along: the oldest make room.
func (k *KeyLog) of(random [32]byte, embedded bool) *secrets {
	if s := k.secrets[random]; s != nil {
		return s
	}
	if k.secrets == nil {
		k.secrets = make(map[[32]byte]*secrets)
	}
	if embedded && k.maxEmbedded > 0 {
		if len(k.embedded) >= k.maxEmbedded {
			// Half at once, so that the slice moves seldom.
			drop := (len(k.embedded) + 1) / 2
			for _, old := range k.embedded[:drop] {
				delete(k.secrets, old)
			}
			k.embedded = append(k.embedded[:0], k.embedded[drop:]...)
			k.dropped += drop
		}
		k.embedded = append(k.embedded, random)
	}
	s := new(secrets)
	k.secrets[random] = s
	return s
}
