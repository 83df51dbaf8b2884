package hello

import (
	"bufio"
	"bytes"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// opensslServer starts openssl s_server on a free loopback port and returns its
// address.
func opensslServer(t *testing.T, certificate, key string, args ...string) string {
	t.Helper()
	args = append([]string{"s_server", "-accept", "127.0.0.1:0", "-naccept", "1", "-cert", certificate, "-key", key}, args...)
	server := exec.Command("openssl", args...)
	var stderr bytes.Buffer
	server.Stderr = &stderr
	stdin, err := server.StdinPipe() // s_server ends at the end of its input
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		server.Process.Kill()
		server.Wait()
	})
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		if address, ok := strings.CutPrefix(lines.Text(), "ACCEPT "); ok {
			return address
		}
	}
	server.Wait()
	t.Fatalf("openssl %s: %s", strings.Join(args, " "), stderr.String())
	return ""
}

// opensslCertificate makes a self-signed certificate with a key of the given
// kind and returns its files and its bytes.
func opensslCertificate(t *testing.T, name string, genpkey ...string) (certificate, key string, der []byte) {
	t.Helper()
	dir := t.TempDir()
	certificate, key = filepath.Join(dir, name+".pem"), filepath.Join(dir, name+".key")
	digest := []string{"-sha256"}
	if name == "Ed448" {
		digest = nil
	}
	for _, args := range [][]string{
		append([]string{"genpkey", "-out", key}, genpkey...),
		append([]string{"req", "-x509", "-new", "-key", key, "-out", certificate, "-days", "2", "-subj", "/CN=hello.test"}, digest...),
	} {
		if out, err := exec.Command("openssl", args...).CombinedOutput(); err != nil {
			t.Fatalf("openssl %s: %s", strings.Join(args, " "), out)
		}
	}
	text, err := os.ReadFile(certificate)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	if block == nil {
		t.Fatalf("%s is not PEM", certificate)
	}
	return certificate, key, block.Bytes
}

func needOpenSSL3(t *testing.T) {
	t.Helper()
	out, err := exec.Command("openssl", "version").Output()
	if err != nil || !strings.HasPrefix(string(out), "OpenSSL 3.") {
		t.Skip("OpenSSL 3 is not installed")
	}
}

func TestFetchOpenSSL(t *testing.T) {
	needOpenSSL3(t)
	dsaParameters := filepath.Join(t.TempDir(), "dsa.pem")
	if out, err := exec.Command("openssl", "genpkey", "-genparam", "-algorithm", "DSA", "-pkeyopt", "dsa_paramgen_bits:1024", "-out", dsaParameters).CombinedOutput(); err != nil {
		t.Fatalf("%s", out)
	}
	keys := map[string][]string{
		"RSA":       {"-algorithm", "RSA"},
		"RSA-PSS":   {"-algorithm", "RSA-PSS"},
		"DSA":       {"-paramfile", dsaParameters},
		"P-256":     {"-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"},
		"P-224":     {"-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:secp224r1"},
		"secp256k1": {"-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:secp256k1"},
		"brainpool": {"-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:brainpoolP384r1"},
		"Ed448":     {"-algorithm", "ED448"},
		"RSA-1024":  {"-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024"},
	}
	type made struct {
		certificate, key string
		der              []byte
	}
	certificates := map[string]made{}
	for name, args := range keys {
		certificate, key, der := opensslCertificate(t, name, args...)
		certificates[name] = made{certificate, key, der}
	}

	all := "-cipher ALL:COMPLEMENTOFALL:@SECLEVEL=0 "
	for _, test := range []struct {
		key, args string
		client    Client
		version   uint16
		suite     uint16 // 0: any
		group     uint16 // 0: any
	}{
		{"RSA", "-tls1_3 -ciphersuites TLS_AES_128_GCM_SHA256", Client{}, versionTLS13, 0x1301, groupX25519},
		{"RSA", "-tls1_3 -ciphersuites TLS_AES_256_GCM_SHA384", Client{}, versionTLS13, 0x1302, groupX25519},
		{"RSA", "-tls1_3 -ciphersuites TLS_CHACHA20_POLY1305_SHA256", Client{}, versionTLS13, 0x1303, groupX25519},
		{"RSA", "-tls1_3 -ciphersuites TLS_AES_128_CCM_SHA256", Client{}, versionTLS13, 0x1304, groupX25519},
		{"RSA", "-tls1_3 -ciphersuites TLS_AES_128_CCM_8_SHA256", Client{}, versionTLS13, 0x1305, groupX25519},
		{"RSA", "-tls1_3 -groups X448", Client{}, versionTLS13, 0, groupX448},
		{"RSA", "-tls1_3 -groups P-384 -ciphersuites TLS_AES_256_GCM_SHA384", Client{}, versionTLS13, 0x1302, groupP384},
		{"RSA", "-tls1_3 -groups P-521", Client{}, versionTLS13, 0, groupP521},
		{"RSA", "-tls1_3 -groups ffdhe2048", Client{}, versionTLS13, 0, groupFFDHE2048},
		{"RSA", "-tls1_3 -groups ffdhe3072", Client{}, versionTLS13, 0, groupFFDHE3072},
		{"RSA", "-tls1_3 -groups ffdhe4096", Client{}, versionTLS13, 0, groupFFDHE4096},
		{"RSA", "-tls1_3 -groups ffdhe6144", Client{}, versionTLS13, 0, groupFFDHE6144},
		{"RSA", "-tls1_3 -groups ffdhe8192", Client{}, versionTLS13, 0, groupFFDHE8192},
		{"Ed448", "-tls1_3", Client{}, versionTLS13, 0, 0},
		{"RSA-PSS", "-tls1_3", Client{}, versionTLS13, 0, 0},
		{"RSA", "-tls1_2 -cipher ECDHE -groups brainpoolP256r1", Client{}, versionTLS12, 0, 0x001A},
		{"RSA", "-tls1_2 -cipher DHE", Client{}, versionTLS12, 0, 0},
		{"RSA", "-tls1_2 -cipher AES128-CCM8", Client{}, versionTLS12, 0xC0A0, 0},
		{"RSA", "-tls1_2 -cipher ECDHE-ARIA256-GCM-SHA384", Client{}, versionTLS12, 0xC061, 0},
		{"RSA", "-tls1_2 -cipher DHE-RSA-CAMELLIA256-SHA256", Client{}, versionTLS12, 0x00C4, 0},
		{"RSA", "-tls1_2 -cipher ECDHE-RSA-AES256-SHA384", Client{}, versionTLS12, 0xC028, 0},
		{"RSA", "-tls1_2 -cipher NULL-SHA256:@SECLEVEL=0", Client{}, versionTLS12, 0x003B, 0},
		{"RSA", "-tls1_2 " + all, Client{}, versionTLS12, 0, 0},
		{"RSA", "-tls1_2 -serverpref " + all, Client{}, versionTLS12, 0, 0},
		{"RSA-PSS", "-tls1_2", Client{}, versionTLS12, 0, 0},
		{"RSA-1024", "-tls1_2 " + all, Client{}, versionTLS12, 0, 0},
		{"DSA", "-tls1_2 -cipher DHE-DSS-AES256-GCM-SHA384:@SECLEVEL=0", Client{}, versionTLS12, 0x00A3, 0},
		{"DSA", "-tls1 " + all, Client{}, versionTLS10, 0, 0},
		{"P-224", "-tls1_2 " + all, Client{}, versionTLS12, 0, 0},
		{"secp256k1", "-tls1_2 " + all, Client{}, versionTLS12, 0, 0},
		{"brainpool", "-tls1_2 " + all, Client{}, versionTLS12, 0, 0},
		{"Ed448", "-tls1_2", Client{}, versionTLS12, 0, 0},
		{"RSA", "-tls1_1 " + all, Client{}, versionTLS11, 0, 0},
		{"RSA", "-tls1 " + all, Client{}, versionTLS10, 0, 0},
		{"RSA", "-tls1 " + all, Client{Offer: Hello10()}, versionTLS10, 0, 0},
		{"DSA", "-tls1 -cipher DHE-DSS-AES128-SHA:@SECLEVEL=0", Client{Offer: Hello10()}, versionTLS10, 0x0032, 0},
		{"P-256", "-tls1 " + all, Client{Offer: Hello10(), ServerName: "hello.test"}, versionTLS10, 0, 0},
		{"P-256", "-Verify 1 -alpn h2", Client{Offer: withALPN(Hello13(), "h2")}, versionTLS13, 0, 0},
	} {
		t.Run(test.key+" "+test.args, func(t *testing.T) {
			t.Parallel()
			made := certificates[test.key]
			address := opensslServer(t, made.certificate, made.key, strings.Fields(test.args)...)
			got, err := test.client.Fetch(dial(t, address))
			if err != nil {
				t.Fatal(err)
			}
			if got.Version != test.version || test.suite != 0 && got.CipherSuite != test.suite || test.group != 0 && got.Group != test.group {
				t.Errorf("got version %s, suite %s, group %s", VersionName(got.Version), SuiteName(got.CipherSuite), GroupName(got.Group))
			}
			if len(got.Certificates) != 1 || !bytes.Equal(got.Certificates[0], made.der) {
				t.Error("got another certificate")
			}
			// crypto/x509 does not have these curves.
			unknown := test.key == "secp256k1" || test.key == "brainpool"
			if want := (got.Version == versionTLS13 || signs(SuiteName(got.CipherSuite))) && !unknown; got.KeyProved != want {
				t.Errorf("%s with %s: key proved %t, want %t", test.key, SuiteName(got.CipherSuite), got.KeyProved, want)
			}
			if got.ClientCertRequested != strings.Contains(test.args, "-Verify") || !slices.Contains(append(test.client.Offer.ALPN, ""), got.ALPN) {
				t.Errorf("got %+v", got)
			}
		})
	}
}
