package results

import (
	"crypto/x509"
	"slices"
	"testing"
	"time"

	"certsweep/results/certificate"
)

func date(year int, month time.Month, day int) time.Time {
	return time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
}

// blameless is a certificate of 90 days without a finding.
func blameless() *certificate.Certificate {
	return &certificate.Certificate{
		NotBefore: date(2026, 11, 1), NotAfter: date(2027, 1, 30), DNSNames: []string{"a.test"},
		PublicKey: certificate.PublicKey{Algorithm: "ECDSA", Bits: 256}, SignatureAlgorithm: "ECDSA-SHA256",
	}
}

func TestFind(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*certificate.Certificate, *TLS)
		want   []Finding
	}{
		"nothing": {func(*certificate.Certificate, *TLS) {}, nil},
		"expired": {func(c *certificate.Certificate, _ *TLS) { c.NotAfter = date(2026, 11, 20) }, []Finding{Expired}},
		"not yet": {func(c *certificate.Certificate, _ *TLS) { c.NotBefore = date(2026, 11, 22) }, []Finding{NotYetValid}},
		"29 days of 90": {func(c *certificate.Certificate, _ *TLS) {
			c.NotBefore, c.NotAfter = date(2026, 9, 20), date(2026, 12, 20)
		}, []Finding{ExpiresSoon}},
		"6 days of 7": {func(c *certificate.Certificate, _ *TLS) {
			c.NotBefore, c.NotAfter = date(2026, 11, 20), date(2026, 11, 27)
		}, nil},
		"2 days of 7": {func(c *certificate.Certificate, _ *TLS) {
			c.NotBefore, c.NotAfter = date(2026, 11, 16), date(2026, 11, 23)
		}, []Finding{ExpiresSoon}},
		"no dates": {func(c *certificate.Certificate, _ *TLS) { c.NotBefore, c.NotAfter = time.Time{}, time.Time{} }, nil},
		"no SAN":   {func(c *certificate.Certificate, _ *TLS) { c.DNSNames = nil }, []Finding{NoNames}},
		"RSA 1024": {func(c *certificate.Certificate, _ *TLS) {
			c.PublicKey = certificate.PublicKey{Algorithm: "RSA", Bits: 1024}
		}, []Finding{WeakKey}},
		"RSA 2048": {func(c *certificate.Certificate, _ *TLS) {
			c.PublicKey = certificate.PublicKey{Algorithm: "RSA", Bits: 2048}
		}, nil},
		"P-192": {func(c *certificate.Certificate, _ *TLS) { c.PublicKey.Bits = 192 }, []Finding{WeakKey}},
		"P-224": {func(c *certificate.Certificate, _ *TLS) { c.PublicKey.Bits = 224 }, nil},
		"Ed25519": {func(c *certificate.Certificate, _ *TLS) {
			c.PublicKey = certificate.PublicKey{Algorithm: "Ed25519", Bits: 256}
		}, nil},
		"SHA-1":            {func(c *certificate.Certificate, _ *TLS) { c.SignatureAlgorithm = "SHA1-RSA" }, []Finding{WeakSignature}},
		"ECDSA with SHA-1": {func(c *certificate.Certificate, _ *TLS) { c.SignatureAlgorithm = "ECDSA-SHA1" }, []Finding{WeakSignature}},
		"SHA-1 on itself":  {func(c *certificate.Certificate, _ *TLS) { c.SignatureAlgorithm, c.SelfSigned = "SHA1-RSA", true }, nil},
		"RSA-OAEP 1024": {func(c *certificate.Certificate, _ *TLS) {
			c.PublicKey = certificate.PublicKey{Algorithm: "RSA-OAEP", Bits: 1024}
		}, []Finding{WeakKey}},
		"ECDH P-192": {func(c *certificate.Certificate, _ *TLS) {
			c.PublicKey = certificate.PublicKey{Algorithm: "ECDH", Bits: 192}
		}, []Finding{WeakKey}},
		"malformed":     {func(c *certificate.Certificate, _ *TLS) { c.ParseError = "x" }, []Finding{Malformed}},
		"TLS 1.1":       {func(_ *certificate.Certificate, h *TLS) { h.Version = "1.1" }, []Finding{OldProtocol}},
		"RC4, RSA":      {func(_ *certificate.Certificate, h *TLS) { h.Cipher = "TLS_RSA_WITH_RC4_128_SHA" }, []Finding{WeakCipher}},
		"3DES":          {func(_ *certificate.Certificate, h *TLS) { h.Cipher = "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA" }, []Finding{WeakCipher}},
		"static RSA":    {func(_ *certificate.Certificate, h *TLS) { h.Cipher = "TLS_RSA_WITH_AES_128_GCM_SHA256" }, []Finding{WeakCipher}},
		"CBC":           {func(_ *certificate.Certificate, h *TLS) { h.Cipher = "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA" }, nil},
		"classic group": {func(_ *certificate.Certificate, h *TLS) { *h.PostQuantum = false }, []Finding{NotPostQuantum}},
		"several, in order": {func(c *certificate.Certificate, h *TLS) {
			h.Version, c.ParseError, c.DNSNames, c.NotAfter = "1.0", "x", nil, date(2026, 11, 20)
		}, []Finding{Expired, NoNames, OldProtocol, Malformed}},
	} {
		r := &Record{
			Time: date(2026, 11, 21), Certificate: blameless(),
			TLS: &TLS{Version: "1.3", Cipher: "TLS_AES_128_GCM_SHA256", PostQuantum: new(true)},
		}
		test.change(r.Certificate, r.TLS)
		if got := Find(r, nil, nil, true); !slices.Equal(got, test.want) || got == nil {
			t.Errorf("%s: got %v, want %v", name, got, test.want)
		}
	}
}

func TestFindLooksAtTheChain(t *testing.T) {
	r := &Record{Time: date(2026, 11, 21), Certificate: blameless()}
	inter := &x509.Certificate{RawSubject: []byte("i"), RawIssuer: []byte("r"), SignatureAlgorithm: x509.SHA1WithRSA}
	if got := Find(r, []*x509.Certificate{{}, inter}, nil, true); !slices.Equal(got, []Finding{WeakSignature}) {
		t.Errorf("intermediate signed with SHA-1: %v", got)
	}
	inter.RawIssuer = inter.RawSubject
	if got := Find(r, []*x509.Certificate{{}, inter}, nil, true); len(got) != 0 {
		t.Errorf("root signed with SHA-1: %v", got)
	}
	if got := Find(r, []*x509.Certificate{{}, nil}, nil, true); !slices.Equal(got, []Finding{Malformed}) {
		t.Errorf("intermediate that does not parse: %v", got)
	}
}

func TestFindMergesVerdict(t *testing.T) {
	r := &Record{Time: date(2026, 11, 21), Certificate: blameless(), TLS: &TLS{Version: "1.0", Cipher: "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA"}}
	got := Find(r, nil, []Finding{NameMismatch, Untrusted}, false)
	if want := []Finding{Untrusted, NameMismatch, OldProtocol}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := Find(new(Record), nil, nil, true); got == nil || len(got) != 0 {
		t.Errorf("an empty record: %#v", got)
	}
}

func TestLongValidity(t *testing.T) {
	from := date(2026, 11, 1)
	for name, test := range map[string]struct {
		from time.Time
		days int
		less time.Duration
		want bool
	}{
		// Both ends count, so that exactly 200 days between them are a second more.
		"200 days":           {from, 200, 0, true},
		"a second less":      {from, 200, time.Second, false},
		"100 days in 2028":   {date(2028, 1, 1), 100, 0, true},
		"47 days in 2030":    {date(2030, 1, 1), 47, 0, true},
		"46 days in 2030":    {date(2030, 1, 1), 46, 0, false},
		"398 days from 2025": {date(2025, 12, 1), 398, 0, true},
		"397 days from 2025": {date(2025, 12, 1), 397, 0, false},
		"ten years":          {date(2020, 1, 1), 3650, 0, true},
	} {
		if got := isLongValidity(test.from, test.from.Add(time.Duration(test.days)*day-test.less)); got != test.want {
			t.Errorf("%s: %t, want %t", name, got, test.want)
		}
	}
	if isLongValidity(time.Time{}, from) {
		t.Error("a lifetime whose start cannot be read is too long")
	}
}

// TestUnsupportedIsNotMalformed: of a key on a curve that Go does not know,
// nothing is wrong.
func TestUnsupportedIsNotMalformed(t *testing.T) {
	for _, test := range []struct {
		key  certificate.PublicKey
		want Finding
	}{
		{certificate.PublicKey{Algorithm: "ECDSA", Bits: 256, Curve: "brainpoolP256r1"}, Unsupported},
		{certificate.PublicKey{Algorithm: "ECDSA", Bits: 256, Curve: "secp256k1"}, Unsupported},
		{certificate.PublicKey{Algorithm: "SM2", Bits: 256, Curve: "SM2"}, Unsupported},
		{certificate.PublicKey{Algorithm: "ECDSA", Bits: 256, Curve: "P-256"}, Malformed},
		{certificate.PublicKey{Algorithm: "ECDSA", Curve: "explicit"}, Malformed},
		{certificate.PublicKey{Algorithm: "ECDSA"}, Malformed},
		{certificate.PublicKey{Algorithm: "RSA", Bits: 2048}, Malformed},
	} {
		c := blameless()
		c.PublicKey, c.ParseError = test.key, "x"
		if got := Find(&Record{Time: date(2026, 11, 21), Certificate: c}, nil, nil, false); !slices.Equal(got, []Finding{test.want}) {
			t.Errorf("%+v: %v, want %s", test.key, got, test.want)
		}
	}
}
