package hello

import (
	"crypto/cipher"
	"crypto/subtle"
	"encoding/binary"
	"errors"
)

// ccm opens what was sealed in the CCM mode of RFC 3610, which the standard
// library does not have.
type ccm struct {
	block cipher.Block // of 16-byte blocks
	tag   int          // length of the authentication field, M of RFC 3610
}

var errOpen = errors.New("the record does not authenticate")

// Open is cipher.AEAD's. The nonce has 7 to 13 bytes, the additional data at
// most 0xFEFF, and dst may be ciphertext[:0].
func (c *ccm) Open(dst, nonce, ciphertext, additional []byte) ([]byte, error) {
	n := len(ciphertext) - c.tag
	if n < 0 {
		return nil, errOpen
	}

	// Key stream, RFC 3610 §2.3: a flags byte of L-1, the nonce, the counter.
	// Block 0 covers the tag, the message begins with block 1.
	var counter, mask, tag [16]byte
	counter[0] = byte(14 - len(nonce))
	copy(counter[1:], nonce)
	stream := cipher.NewCTR(c.block, counter[:])
	stream.XORKeyStream(mask[:], mask[:])
	copy(tag[:], ciphertext[n:])
	dst = append(dst, ciphertext[:n]...)
	plaintext := dst[len(dst)-n:]
	stream.XORKeyStream(plaintext, plaintext)

	mac := c.mac(nonce, plaintext, additional)
	subtle.XORBytes(mac[:], mac[:], mask[:])
	if subtle.ConstantTimeCompare(mac[:c.tag], tag[:c.tag]) != 1 {
		return nil, errOpen
	}
	return dst, nil
}

// mac is the CBC-MAC over B_0, the additional data and the message, RFC 3610
// §2.2.
func (c *ccm) mac(nonce, message, additional []byte) (x [16]byte) {
	x[0] = byte(8*((c.tag-2)/2) + 14 - len(nonce))
	if len(additional) > 0 {
		x[0] |= 0x40
	}
	var length [8]byte
	binary.BigEndian.PutUint64(length[:], uint64(len(message)))
	copy(x[8:], length[:]) // the nonce, written next, covers the part that L leaves out
	copy(x[1:], nonce)
	c.block.Encrypt(x[:], x[:])

	if len(additional) > 0 {
		x[0] ^= byte(len(additional) >> 8)
		x[1] ^= byte(len(additional))
		n := subtle.XORBytes(x[2:], x[2:], additional)
		c.block.Encrypt(x[:], x[:])
		c.absorb(&x, additional[n:])
	}
	c.absorb(&x, message)
	return x
}

func (c *ccm) absorb(x *[16]byte, data []byte) {
	for len(data) > 0 {
		n := subtle.XORBytes(x[:], x[:], data)
		c.block.Encrypt(x[:], x[:])
		data = data[n:]
	}
}
