//go:build unix

package reach

import (
	"bufio"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"

	"certsweep/dialer"
	"certsweep/dialer/fingerprint"
)

// jarmVersions are the versions that the values in testdata were taken with.
var jarmVersions = map[string]string{"openssl": "OpenSSL 3.0.", "gnutls-serv": "gnutls-serv 3.7."}

// TestJARM: JARM is that of the published implementation.
func TestJARM(t *testing.T) {
	file, err := os.Open("testdata/jarm")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	h := newReachHome(t)
	n := 0
	for lines := bufio.NewScanner(file); lines.Scan(); {
		want, command, ok := strings.Cut(lines.Text(), " ")
		if !ok || want == "#" {
			continue
		}
		n++
		t.Run(command, func(t *testing.T) {
			program, args, _ := strings.Cut(command, " ")
			if _, err := exec.LookPath(program); err != nil {
				t.Skipf("%s is not installed", program)
			}
			version := map[string]string{"openssl": "version", "gnutls-serv": "--version"}[program]
			if said, _ := exec.Command(program, version).Output(); !strings.HasPrefix(string(said), jarmVersions[program]) {
				t.Skipf("the value is of %s, here is %s", jarmVersions[program], said)
			}
			certificate, key := h.opensslCertificate(t, "RSA-2048")
			addr := reachListen(t, h.dir, program, func(port string) []string {
				return strings.Fields(strings.NewReplacer("PORT", port, " K ", " "+key+" ", " C ", " "+certificate+" ").Replace(args))
			})
			if got := fingerprinted(t, addr); got.JARM != want || got.FingerprintError != nil || len(got.JA3S) != 32 {
				t.Errorf("JARM %s, want\n     %s; %v; JA3S %s", got.JARM, want, got.FingerprintError, got.JA3S)
			}
		})
	}
	if n < 7 {
		t.Errorf("testdata/jarm has %d values", n)
	}
	// Nothing listens, and nothing speaks TLS.
	if got := fingerprinted(t, freePort(t).String()); got.JARM != fingerprint.NoJARM {
		t.Errorf("nothing listens: %s", got.JARM)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			conn.Write([]byte("HTTP/1.0 400 Bad request\r\n\r\n"))
			conn.Close()
		}
	}()
	if got := fingerprinted(t, l.Addr().String()); got.JARM != fingerprint.NoJARM {
		t.Errorf("HTTP: %s", got.JARM)
	}
}

func fingerprinted(t *testing.T, addr string) (h dialer.Handshake) {
	t.Helper()
	d := &dialer.Dialer{Fingerprint: true}
	e, err := dialer.ParseEndpoint(addr)
	if err != nil {
		t.Fatal(err)
	}
	err = d.Probe(t.Context(), e, &h)
	d.Survey(t.Context(), e, &h, err, dialer.Pace{})
	return h
}
