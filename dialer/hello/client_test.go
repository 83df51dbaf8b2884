package hello

import (
	"bytes"
	"crypto/tls"
	"errors"
	"net"
	"slices"
	"testing"
)

func TestFetchVersions(t *testing.T) {
	t.Parallel()
	certificate := newCertificate(t, rsaKey())
	for _, test := range []struct {
		version uint16
		suite   uint16 // 0: any
	}{
		{tls.VersionTLS10, tls.TLS_RSA_WITH_AES_128_CBC_SHA},
		{tls.VersionTLS11, tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA},
		{tls.VersionTLS12, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256},
		{tls.VersionTLS12, tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA},
		{tls.VersionTLS13, 0},
	} {
		t.Run(VersionName(test.version)+" "+SuiteName(test.suite), func(t *testing.T) {
			config := &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: test.version, MaxVersion: test.version}
			if test.suite != 0 {
				config.CipherSuites = []uint16{test.suite}
			}
			got, err := fetchFrom(t, &Client{}, config)
			if err != nil {
				t.Fatal(err)
			}
			if got.Version != test.version || test.suite != 0 && got.CipherSuite != test.suite {
				t.Errorf("got version %s, suite %s", VersionName(got.Version), SuiteName(got.CipherSuite))
			}
			if len(got.Certificates) != 1 || !bytes.Equal(got.Certificates[0], certificate.Certificate[0]) {
				t.Error("got another certificate")
			}
			if got.ClientCertRequested {
				t.Error("no client certificate was requested")
			}
		})
	}
}

func TestFetchHello10(t *testing.T) {
	t.Parallel()
	config := &tls.Config{Certificates: []tls.Certificate{newCertificate(t, ecdsaKey())}, MinVersion: tls.VersionTLS10}
	got, err := fetchFrom(t, &Client{Offer: Hello10(), ServerName: "hello.test"}, config)
	if err != nil {
		t.Fatal(err)
	}
	if got.Version != versionTLS10 || len(got.Certificates) != 1 {
		t.Errorf("got %+v", got)
	}

	config.MinVersion = tls.VersionTLS12
	_, err = fetchFrom(t, &Client{Offer: Hello10()}, config)
	const protocolVersion = 70
	if alert, ok := errors.AsType[AlertError](err); !ok || alert != protocolVersion {
		t.Errorf("got %v, want alert protocol_version", err)
	}
}

// A server of one group accepts the share that came with the hello, or asks for
// it with a HelloRetryRequest.
func TestFetchGroups(t *testing.T) {
	t.Parallel()
	certificate := newCertificate(t, ecdsaKey())
	for _, group := range []tls.CurveID{
		tls.X25519, tls.CurveP256, tls.CurveP384, tls.CurveP521,
		tls.X25519MLKEM768, tls.SecP256r1MLKEM768, tls.SecP384r1MLKEM1024,
	} {
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			if version == tls.VersionTLS12 && slices.Contains(groupsPostQuantum, uint16(group)) {
				continue
			}
			t.Run(GroupName(uint16(group))+" "+VersionName(version), func(t *testing.T) {
				config := &tls.Config{
					Certificates:     []tls.Certificate{certificate},
					CurvePreferences: []tls.CurveID{group},
					MaxVersion:       version,
				}
				got, err := fetchFrom(t, &Client{}, config)
				if err != nil {
					t.Fatal(err)
				}
				if got.Group != uint16(group) || got.Version != version || len(got.Certificates) != 1 {
					t.Errorf("got version %s, group %s", VersionName(got.Version), GroupName(got.Group))
				}
			})
		}
	}
}

func TestFetchNoPostQuantum(t *testing.T) {
	t.Parallel()
	config := &tls.Config{Certificates: []tls.Certificate{newCertificate(t, ecdsaKey())}}
	for _, test := range []struct {
		noPostQuantum bool
		want          uint16
	}{{false, groupX25519MLKEM768}, {true, groupX25519}} {
		offer := Hello13()
		if test.noPostQuantum {
			offer = offer.WithoutPostQuantum()
		}
		got, err := fetchFrom(t, &Client{Offer: offer}, config)
		if err != nil || got.Group != test.want {
			t.Errorf("without post-quantum groups %t: got group %s, error %v", test.noPostQuantum, GroupName(got.Group), err)
		}
	}
}

// crypto/tls cannot be told which suite of TLS 1.3 to take; openssl_test.go has
// each of them.
func TestFetchExtensions(t *testing.T) {
	t.Parallel()
	certificate := newCertificate(t, ecdsaKey())
	certificate.OCSPStaple = []byte("staple")
	certificate.SignedCertificateTimestamps = [][]byte{[]byte("one"), []byte("two")}
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		var name string
		config := &tls.Config{
			MaxVersion: version,
			ClientAuth: tls.RequireAnyClientCert,
			NextProtos: []string{"h2", "http/1.1"},
			GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
				name = hello.ServerName
				return &certificate, nil
			},
		}
		got, err := fetchFrom(t, &Client{ServerName: "hello.test.", Offer: withALPN(Hello13(), "http/1.1")}, config)
		if err != nil {
			t.Fatal(err)
		}
		if name != "hello.test" {
			t.Errorf("server saw the name %q", name)
		}
		if got.ALPN != "http/1.1" || !got.OCSPStapled || got.SCTCount != 2 || !got.ClientCertRequested {
			t.Errorf("TLS %s: got %+v", VersionName(version), got)
		}
	}
}

func TestFetchAlert(t *testing.T) {
	t.Parallel()
	config := &tls.Config{Certificates: []tls.Certificate{newCertificate(t, ecdsaKey())}, NextProtos: []string{"h2"}}
	_, err := fetchFrom(t, &Client{Offer: withALPN(Hello13(), "other")}, config)
	const noApplicationProtocol = 120
	if alert, ok := errors.AsType[AlertError](err); !ok || alert != noApplicationProtocol {
		t.Errorf("got %v, want alert no_application_protocol", err)
	}
}

func TestFetchRefusesALPN(t *testing.T) {
	t.Parallel()
	for _, alpn := range [][]string{{string(make([]byte, 256))}, slices.Repeat([]string{string(make([]byte, 255))}, 100)} {
		conn := &stream{}
		if _, err := (&Client{Offer: withALPN(Hello13(), alpn...)}).Fetch(conn); err == nil || conn.sent.Len() > 0 {
			t.Errorf("sent %d bytes, error %v", conn.sent.Len(), err)
		}
	}
}

func TestFetchWriteError(t *testing.T) {
	t.Parallel()
	ours, theirs := net.Pipe()
	theirs.Close()
	if _, err := (&Client{}).Fetch(ours); err == nil {
		t.Error("a closed connection took the hello")
	}
}
