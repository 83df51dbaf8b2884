package hello

import (
	"bytes"
	"crypto/aes"
	"encoding/hex"
	"testing"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestCCM(t *testing.T) {
	t.Parallel()
	const rfc3610, nist = "c0c1c2c3c4c5c6c7c8c9cacbcccdcecf", "404142434445464748494a4b4c4d4e4f"
	for _, test := range []struct {
		name, key, nonce, additional, plaintext, sealed string
		tag                                             int
	}{
		{"RFC 3610 packet vector 1", rfc3610, "00000003020100a0a1a2a3a4a5", "0001020304050607",
			"08090a0b0c0d0e0f101112131415161718191a1b1c1d1e",
			"588c979a61c663d2f066d0c2c0f989806d5f6b61dac38417e8d12cfdf926e0", 8},
		{"RFC 3610 packet vector 2", rfc3610, "00000004030201a0a1a2a3a4a5", "0001020304050607",
			"08090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
			"72c91a36e135f8cf291ca894085c87e3cc15c439c9e43a3ba091d56e10400916", 8},
		{"SP 800-38C example 1", nist, "10111213141516", "0001020304050607", "20212223", "7162015b4dac255d", 4},
		{"SP 800-38C example 2", nist, "1011121314151617", "000102030405060708090a0b0c0d0e0f",
			"202122232425262728292a2b2c2d2e2f", "d2a1f0e051ea5f62081a7792073d593d1fc64fbfaccd", 6},
		{"SP 800-38C example 3", nist, "101112131415161718191a1b", "000102030405060708090a0b0c0d0e0f10111213",
			"202122232425262728292a2b2c2d2e2f3031323334353637",
			"e3b201a9f5b71a7a9b1ceaeccd97e70b6176aad9a4428aa5484392fbc1b09951", 8},
	} {
		block, err := aes.NewCipher(unhex(t, test.key))
		if err != nil {
			t.Fatal(err)
		}
		aead := &ccm{block: block, tag: test.tag}
		nonce, additional, sealed := unhex(t, test.nonce), unhex(t, test.additional), unhex(t, test.sealed)
		got, err := aead.Open(nil, nonce, sealed, additional)
		if err != nil || !bytes.Equal(got, unhex(t, test.plaintext)) {
			t.Errorf("%s: got %x, error %v", test.name, got, err)
		}
		for i := range sealed {
			forged := bytes.Clone(sealed)
			forged[i] ^= 0x10
			if _, err := aead.Open(nil, nonce, forged, additional); err == nil {
				t.Errorf("%s: opened with byte %d changed", test.name, i)
			}
		}
		if _, err := aead.Open(nil, nonce, sealed[:test.tag-1], additional); err == nil {
			t.Errorf("%s: opened less than a tag", test.name)
		}
		if got, err := aead.Open(sealed[:0], nonce, sealed, additional); err != nil || !bytes.Equal(got, unhex(t, test.plaintext)) {
			t.Errorf("%s, in place: got %x, error %v", test.name, got, err)
		}
	}
}
