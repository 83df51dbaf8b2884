package hello

import (
	"bytes"
	"crypto/sha256"
	"testing"
)

// RFC 8448 §3, "Simple 1-RTT Handshake".
const (
	rfc8448ClientHello = "010000c00303cb34ecb1e78163ba1c38c6dacb196a6dffa21a8d9912ec18a2ef6283024dece7000006130113031302010000910000000b0009000006736572766572ff01000100000a00140012001d0017001800190100010101020103010400230000003300260024001d002099381de560e4bd43d23d8e435a7dbafeb3c06e51c13cae4d5413691e529aaf2c002b0003020304000d0020001e040305030603020308040805080604010501060102010402050206020202002d00020101001c00024001"
	rfc8448ServerHello = "020000560303a6af06a4121860dc5e6e60249cd34c95930c8ac5cb1434dac155772ed3e2692800130100002e00330024001d0020c9828876112095fe66762bdbf7c672e156d6cc253b833df1dd69b1b04e751f0f002b00020304"
	rfc8448Shared      = "8bd4054fb55b9d63fdfbacf9f04b9f0d35e6d63f537563efd46272900f89492d"
	rfc8448Secret      = "b67b7d690cc16c4e75e54213cb2d37b4e9c912bcded9105d42befd59d391ad38"
	rfc8448Key         = "3fce516009c21727d0f2e4e86ee403bc"
	rfc8448IV          = "5d313eb2671276ee13000b30"
)

func TestScheduleRFC8448(t *testing.T) {
	t.Parallel()
	raw := unhex(t, rfc8448ServerHello)
	server, err := ParseServerHello(raw[handshakeHeaderSize:])
	if err != nil || server.Version != versionTLS13 || server.CipherSuite != 0x1301 || server.Group != groupX25519 || len(server.KeyShare) != 32 {
		t.Fatalf("got %+v, error %v", server, err)
	}
	suite := suites13[server.CipherSuite]
	transcript := sha256.Sum256(append(unhex(t, rfc8448ClientHello), raw...))
	secret, err := suite.serverHandshakeSecret(unhex(t, rfc8448Shared), transcript[:])
	if err != nil || !bytes.Equal(secret, unhex(t, rfc8448Secret)) {
		t.Errorf("server handshake traffic secret is %x, error %v", secret, err)
	}
	key, err := suite.expandLabel(secret, "key", nil, suite.keySize)
	if err != nil || !bytes.Equal(key, unhex(t, rfc8448Key)) {
		t.Errorf("key is %x, error %v", key, err)
	}
	opener, err := suite.newRecordOpener(secret)
	if err != nil || !bytes.Equal(opener.iv, unhex(t, rfc8448IV)) {
		t.Errorf("iv is %x, error %v", opener.iv, err)
	}
}
