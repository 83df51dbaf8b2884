package hello

import (
	"crypto/tls"
	"testing"
)

func TestVersionName(t *testing.T) {
	for version, want := range map[uint16]string{
		0x0300: "SSL 3.0", tls.VersionTLS10: "1.0", tls.VersionTLS11: "1.1", tls.VersionTLS12: "1.2", tls.VersionTLS13: "1.3",
		0: "0x0000", 0x0305: "0x0305", 0x7f1c: "0x7F1C",
	} {
		if got := VersionName(version); got != want {
			t.Errorf("VersionName(%#x) = %q, want %q", version, got, want)
		}
	}
}

func TestSuiteName(t *testing.T) {
	for suite, want := range map[uint16]string{
		0x1301: "TLS_AES_128_GCM_SHA256", 0xc02b: "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
		0x000a: "TLS_RSA_WITH_3DES_EDE_CBC_SHA", 0x5b5b: "0x5B5B",
	} {
		if got := SuiteName(suite); got != want {
			t.Errorf("SuiteName(%#x) = %q, want %q", suite, got, want)
		}
	}
}

func TestKeyExchangeName(t *testing.T) {
	for _, test := range []struct {
		group       uint16
		suite       uint16
		want        string
		postQuantum bool
	}{
		{uint16(tls.X25519), tls.TLS_AES_128_GCM_SHA256, "X25519", false},
		{uint16(tls.CurveP256), tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, "P-256", false},
		{uint16(tls.CurveP384), tls.TLS_AES_128_GCM_SHA256, "P-384", false},
		{uint16(tls.CurveP521), tls.TLS_AES_128_GCM_SHA256, "P-521", false},
		{uint16(tls.X25519MLKEM768), tls.TLS_AES_128_GCM_SHA256, "X25519MLKEM768", true},
		{uint16(tls.SecP256r1MLKEM768), tls.TLS_AES_128_GCM_SHA256, "SecP256r1MLKEM768", true},
		{uint16(tls.SecP384r1MLKEM1024), tls.TLS_AES_128_GCM_SHA256, "SecP384r1MLKEM1024", true},
		{0, tls.TLS_RSA_WITH_AES_128_GCM_SHA256, "RSA", false},
		{0, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, "", false},
		{0, 0, "", false},
	} {
		if got := KeyExchangeName(test.group, test.suite); got != test.want {
			t.Errorf("KeyExchangeName(%d, %#x) = %q, want %q", test.group, test.suite, got, test.want)
		}
		if got := IsPostQuantum(test.group); got != test.postQuantum {
			t.Errorf("IsPostQuantum(%s) = %v", test.want, got)
		}
	}
	for _, group := range []uint16{0x0200, 0x0201, 0x0202, 0x6399, 0x639a} {
		if !IsPostQuantum(group) {
			t.Errorf("IsPostQuantum(%#x) = false", group)
		}
	}
}
