package hello

import (
	"bytes"
	"crypto/mlkem"
	"encoding/hex"
	"math/big"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/cloudflare/circl/kem/mlkem/mlkem512"
)

// TestBrainpoolCurves: the base points are on their curves, and of the order that
// RFC 5639 gives.
func TestBrainpoolCurves(t *testing.T) {
	for group, order := range map[uint16]string{
		groupBrainpoolP256: "a9fb57dba1eea9bc3e660a909d838d718c397aa3b561a6f7901e0e82974856a7",
		groupBrainpoolP384: "8cb91e82a3386d280f5d6f7e50e641df152f7109ed5456b31f166e6cac0425a7cf3ab6af6b7fc3103b883202e9046565",
		groupBrainpoolP512: "aadd9db8dbe9c48b3fd4e6ae33c9fc07cb308db3b3c9d20ed6639cca70330870553e5c414ca92619418661197fac10471db1d381085ddaddb58796829ca90069",
	} {
		curve := brainpool[group]
		n, _ := hex.DecodeString(order)
		if !curve.has(curve.x, curve.y) {
			t.Errorf("%s: the base point is not on the curve", GroupName(group))
		}
		if x, y := curve.multiply(curve.x, curve.y, n); x != nil || y != nil {
			t.Errorf("%s: the base point has another order", GroupName(group))
		}
		ours, theirs := newBrainpool(group), newBrainpool(group)
		a, err := ours.agree(theirs.public)
		b, err2 := theirs.agree(ours.public)
		if err != nil || err2 != nil || !bytes.Equal(a, b) || new(big.Int).SetBytes(a).Sign() == 0 {
			t.Errorf("%s: %x, %x, %v, %v", GroupName(group), a, b, err, err2)
		}
		broken := bytes.Clone(theirs.public)
		broken[len(broken)-1] ^= 1
		if _, err := ours.agree(broken); err == nil {
			t.Errorf("%s: a point off the curve is taken", GroupName(group))
		}
	}
}

// TestBrainpoolAgainstOpenSSL: both sides agree on a secret.
func TestBrainpoolAgainstOpenSSL(t *testing.T) {
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("openssl is not installed")
	}
	for group, name := range map[uint16]string{groupBrainpoolP256: "brainpoolP256r1", groupBrainpoolP384: "brainpoolP384r1", groupBrainpoolP512: "brainpoolP512r1"} {
		dir := t.TempDir()
		run := func(args ...string) []byte {
			t.Helper()
			cmd := exec.Command("openssl", args...)
			cmd.Dir = dir
			out, err := cmd.Output()
			if err != nil {
				t.Fatalf("%v: %v", args, err)
			}
			return out
		}
		run("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:"+name, "-out", "theirs.pem")
		der := run("pkey", "-in", "theirs.pem", "-pubout", "-outform", "DER")
		share := newBrainpool(group)
		theirs := der[len(der)-len(share.public):]
		got, err := share.agree(theirs)
		if err != nil {
			t.Fatal(err)
		}
		ours := append(bytes.Clone(der[:len(der)-len(share.public)]), share.public...)
		cmd := exec.Command("openssl", "pkey", "-pubin", "-inform", "DER", "-out", filepath.Join(dir, "ours.pem"))
		cmd.Stdin = bytes.NewReader(ours)
		if err := cmd.Run(); err != nil {
			t.Fatal(err)
		}
		if want := run("pkeyutl", "-derive", "-inkey", "theirs.pem", "-peerkey", "ours.pem"); !bytes.Equal(got, want) {
			t.Errorf("%s: %x, openssl has %x", name, got, want)
		}
	}
}

// TestPureMLKEM: a server that encapsulates comes to the same secret.
func TestPureMLKEM(t *testing.T) {
	for _, group := range []uint16{groupMLKEM512, groupMLKEM768, groupMLKEM1024} {
		share, err := newKeyShare(group)
		if err != nil {
			t.Fatal(err)
		}
		var secret, ciphertext []byte
		switch group {
		case groupMLKEM512:
			var public mlkem512.PublicKey
			if err := public.Unpack(share.public); err != nil {
				t.Fatal(err)
			}
			secret, ciphertext = make([]byte, mlkem512.SharedKeySize), make([]byte, mlkem512.CiphertextSize)
			public.EncapsulateTo(ciphertext, secret, make([]byte, mlkem512.EncapsulationSeedSize))
		case groupMLKEM768:
			key, err := mlkem.NewEncapsulationKey768(share.public)
			if err != nil {
				t.Fatal(err)
			}
			secret, ciphertext = key.Encapsulate()
		case groupMLKEM1024:
			key, err := mlkem.NewEncapsulationKey1024(share.public)
			if err != nil {
				t.Fatal(err)
			}
			secret, ciphertext = key.Encapsulate()
		}
		if got, err := share.agree(ciphertext); err != nil || !bytes.Equal(got, secret) {
			t.Errorf("%s: %x, %v", GroupName(group), got, err)
		}
		if _, err := share.agree(ciphertext[1:]); err == nil {
			t.Errorf("%s: a short ciphertext is taken", GroupName(group))
		}
	}
}

// TestShortHellos: what they promise of their length.
func TestShortHellos(t *testing.T) {
	name := string(bytes.Repeat([]byte{'n'}, 50))
	if n := len(Hello12().CipherSuites); n > 149 {
		t.Errorf("hello12 has %d suites", n)
	}
	record, err := (&Client{Offer: Hello12Short(), ServerName: name}).Marshal()
	if size := len(record) - recordHeaderSize; err != nil || size > 255 {
		t.Errorf("the short hello has %d bytes, %v", size, err)
	}
}
