package dialertest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	_ "embed"
	"encoding/pem"
	"fmt"
	"sync"
)

// Key is a kind of key pair. The zero value is ECDSA on P-256.
type Key int

// The kinds of keys.
const (
	P256 Key = iota
	P384
	P521
	Ed25519
	RSA2048
	RSA1024 // weak by today's measure; crypto/tls still takes it
)

// The RSA keys are part of the source, because making one takes longer than
// starting all other servers together. They are as public as this file: made
// with "openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:N".
var (
	//go:embed keys/rsa2048.pem
	rsa2048PEM []byte
	//go:embed keys/rsa1024.pem
	rsa1024PEM []byte
)

// shared has one key pair of each kind for the whole process: what the servers
// show differs in the certificates, not in the keys.
var shared = [...]func() crypto.Signer{
	P256:    sync.OnceValue(func() crypto.Signer { return P256.generate() }),
	P384:    sync.OnceValue(func() crypto.Signer { return P384.generate() }),
	P521:    sync.OnceValue(func() crypto.Signer { return P521.generate() }),
	Ed25519: sync.OnceValue(func() crypto.Signer { return Ed25519.generate() }),
	RSA2048: sync.OnceValue(func() crypto.Signer { return RSA2048.generate() }),
	RSA1024: sync.OnceValue(func() crypto.Signer { return RSA1024.generate() }),
}

// generate returns a new key pair; for RSA it is always the same one.
func (k Key) generate() crypto.Signer {
	var key crypto.Signer
	var err error
	switch k {
	case P256:
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case P384:
		key, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case P521:
		key, err = ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	case Ed25519:
		_, key, err = ed25519.GenerateKey(rand.Reader)
	case RSA2048:
		key, err = parseKey(rsa2048PEM)
	case RSA1024:
		key, err = parseKey(rsa1024PEM)
	default:
		err = fmt.Errorf("unknown kind of key %d", int(k))
	}
	must(err)
	return key
}

func parseKey(text []byte) (crypto.Signer, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("no PEM block")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	return key.(crypto.Signer), nil
}

// must stops the program, as httptest does, where nothing but a mistake in the
// caller's code or a broken machine can be the cause.
func must(err error) {
	if err != nil {
		panic("dialertest: " + err.Error())
	}
}
