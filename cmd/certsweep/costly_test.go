package main

import (
	"bufio"
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"certsweep/dialer/dialertest"
	"certsweep/results"
)

// costlyCA makes certificates that name an issuer and that nobody has signed
// rightly.
type costlyCA struct{ signer *ecdsa.PrivateKey }

func (ca costlyCA) issue(t *testing.T, subject, issuer string, serial int, key crypto.PublicKey) []byte {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(int64(serial)), Subject: pkix.Name{CommonName: subject}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}, &x509.Certificate{Subject: pkix.Name{CommonName: issuer}}, key, ca.signer)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// costlyServer shows three chains that are made to be verified for long: eight
// P-521 certificates that could each be the leaf's issuer, and hundreds that
// name themselves as theirs. ca is a file with the root.
func costlyServer(t *testing.T) (target, caFile string) {
	t.Helper()
	p521, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ca := costlyCA{signer}
	var above [][]byte
	size := 0
	for i := range 8 {
		above = append(above, ca.issue(t, "A", "Root", i+1, p521.Public()))
	}
	own := costlyCA{p521}.issue(t, "Z", "Z", 1, p521.Public())
	for ; size < 250<<10-8*1024; size += len(own) + 5 {
		above = append(above, own)
	}
	config := new(tls.Config)
	for i, key := range []crypto.Signer{signer, rsaKey, edKey} {
		leaf := ca.issue(t, "Leaf", "A", 100+i, key.Public())
		config.Certificates = append(config.Certificates, tls.Certificate{Certificate: append([][]byte{leaf}, above...), PrivateKey: key})
	}
	server, err := dialertest.Listen("127.0.0.1:0", func(c net.Conn) { dialertest.ServeTLS(c, config) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	caFile = filepath.Join(t.TempDir(), "ca.pem")
	root := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.issue(t, "Root", "Root", 1, signer.Public())})
	if err := os.WriteFile(caFile, root, 0o600); err != nil {
		t.Fatal(err)
	}
	return server.Addr().String(), caFile
}

// TestVerificationHasItsTime: what a server sends outlasts the target's time by no
// more than half a second.
func TestVerificationHasItsTime(t *testing.T) {
	target, ca := costlyServer(t)
	out, err := command("--quiet", "--ca-file", ca, "--timeout", "2s", "-c", "1", "--chain", "--all-certificates", "-t", target, "-t", target).Output()
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for r, err := range results.Decode(bytes.NewReader(out)) {
		if err != nil {
			t.Fatal(err)
		}
		n++
		if len(r.Chain) < 500 || len(r.Alternates) != 2 || r.Verification.Trusted {
			t.Errorf("%d certificates in the chain, %d alternates, %+v", len(r.Chain), len(r.Alternates), r.Verification)
		}
		if !raceDetector && r.Timing.Total > 2500 {
			t.Errorf("the target took %v ms of its 2000", r.Timing.Total)
		}
	}
	if n != 2 {
		t.Errorf("%d records", n)
	}
}

// TestSignalsEndVerification: the first signal lets what is being verified be
// written, the second drops it; neither waits for the list.
func TestSignalsEndVerification(t *testing.T) {
	target, ca := costlyServer(t)
	for _, signals := range []int{1, 2} {
		t.Run(fmt.Sprint(signals), func(t *testing.T) {
			cmd := command("--ca-file", ca, "-c", "4", "--chain", "--all-certificates", "-")
			cmd.Stdin = strings.NewReader(strings.Repeat(target+"\n", 100_000))
			stderr, err := cmd.StderrPipe()
			if err != nil {
				t.Fatal(err)
			}
			stdout, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			defer cmd.Process.Kill()
			records := bufio.NewReader(stdout)
			if _, err := records.ReadString('\n'); err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			cmd.Process.Signal(syscall.SIGINT)
			said := bufio.NewReader(stderr)
			go io.Copy(io.Discard, records)
			for line := ""; !strings.Contains(line, "once more to drop it"); {
				if line, err = said.ReadString('\n'); err != nil {
					t.Fatal(err)
				}
			}
			if signals == 2 {
				cmd.Process.Signal(syscall.SIGINT)
			}
			if _, err := io.Copy(io.Discard, said); err != nil {
				t.Fatal(err)
			}
			if status := exitStatus(t, cmd.Wait()); status != 130 || time.Since(began) > 10*time.Second {
				t.Errorf("status %d after %v", status, time.Since(began))
			}
		})
	}
}
