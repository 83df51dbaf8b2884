package revocation

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"
)

const pointURL = "http://crl.test/1.crl"

// world is an authority and two certificates of it, one of which it has revoked.
type world struct {
	now                    time.Time
	root, good, bad, inter *x509.Certificate
	key                    *ecdsa.PrivateKey
}

func newWorld(t testing.TB) *world {
	w := &world{now: time.Now().Truncate(time.Second)}
	w.root, w.key = create(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: "Root"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCRLSign | x509.KeyUsageCertSign,
	}, nil, nil)
	points := []string{pointURL, "http://crl.test/2.crl"}
	w.good, _ = create(t, &x509.Certificate{DNSNames: []string{"good.test"}, CRLDistributionPoints: points}, w.root, w.key)
	w.bad, _ = create(t, &x509.Certificate{DNSNames: []string{"bad.test"}, CRLDistributionPoints: points}, w.root, w.key)
	w.inter, _ = create(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: "Intermediate"}, IsCA: true, BasicConstraintsValid: true, CRLDistributionPoints: points,
	}, w.root, w.key)
	return w
}

// list returns a list of the authority, changed.
func (w *world) list(t testing.TB, change func(*x509.RevocationList)) []byte {
	return w.listBy(t, w.root, w.key, change)
}

func (w *world) listBy(t testing.TB, issuer *x509.Certificate, key crypto.Signer, change func(*x509.RevocationList)) []byte {
	t.Helper()
	l := &x509.RevocationList{
		Number: big.NewInt(1), ThisUpdate: w.now.Add(-time.Hour), NextUpdate: w.now.Add(time.Hour),
		RevokedCertificateEntries: []x509.RevocationListEntry{
			{SerialNumber: big.NewInt(7), RevocationTime: w.now.Add(-time.Hour)},
			{SerialNumber: w.bad.SerialNumber, RevocationTime: w.now.Add(-time.Minute), ReasonCode: 1},
		},
	}
	if change != nil {
		change(l)
	}
	der, err := x509.CreateRevocationList(rand.Reader, l, issuer, key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// anyNumber takes all entries.
func anyNumber(int) error { return nil }

func ext(id []int, critical bool, value ...byte) pkix.Extension {
	return pkix.Extension{Id: id, Critical: critical, Value: value}
}

var (
	idIDP    = []int{2, 5, 29, 28}
	idDelta  = []int{2, 5, 29, 27}
	idFresh  = []int{2, 5, 29, 46}
	idIssuer = []int{2, 5, 29, 29}
	idOdd    = []int{1, 2, 3}
)

// idp returns an issuing distribution point with a full name and further fields.
func idp(url string, more ...byte) pkix.Extension {
	uri := append([]byte{0x86, byte(len(url))}, url...)
	full := append([]byte{0xa0, byte(len(uri))}, uri...)
	point := append([]byte{0xa0, byte(len(full))}, full...)
	body := append(point, more...)
	return ext(idIDP, true, append([]byte{0x30, byte(len(body))}, body...)...)
}

func TestList(t *testing.T) {
	w := newWorld(t)
	extra := func(extensions ...pkix.Extension) func(*x509.RevocationList) {
		return func(l *x509.RevocationList) { l.ExtraExtensions = extensions }
	}
	inEntry := func(extensions ...pkix.Extension) func(*x509.RevocationList) {
		return func(l *x509.RevocationList) { l.RevokedCertificateEntries[0].ExtraExtensions = extensions }
	}
	stale := func(l *x509.RevocationList) {
		l.ThisUpdate, l.NextUpdate = w.now.Add(-2*time.Hour), w.now.Add(-time.Hour)
	}
	for name, test := range map[string]struct {
		change func(*x509.RevocationList)
		good   string // why it is not known of a good certificate that it is
		bad    string // and of a revoked one that it is
		inter  string // and of a good authority; "same" as of a good certificate
	}{
		"plain":                        {nil, "", "", "same"},
		"empty":                        {func(l *x509.RevocationList) { l.RevokedCertificateEntries = nil }, "", "good", "same"},
		"stale":                        {stale, "out of date", "", "same"},
		"from the future":              {func(l *x509.RevocationList) { l.ThisUpdate = w.now.Add(30 * time.Minute) }, "future", "", "same"},
		"on hold":                      {func(l *x509.RevocationList) { l.RevokedCertificateEntries[1].ReasonCode = 6 }, "", "", "same"},
		"on hold, stale":               {func(l *x509.RevocationList) { stale(l); l.RevokedCertificateEntries[1].ReasonCode = 6 }, "out of date", "out of date", "same"},
		"freshest CRL":                 {extra(ext(idFresh, false, 0x30, 0)), "", "", "same"},
		"odd extension":                {extra(ext(idOdd, false, 5, 0)), "", "", "same"},
		"odd critical extension":       {extra(ext(idOdd, true, 5, 0)), "critical extension", "critical extension", "same"},
		"changes only":                 {extra(ext(idDelta, true, 2, 1, 1)), "changes", "changes", "same"},
		"changes only, not critical":   {extra(ext(idDelta, false, 2, 1, 1)), "changes", "changes", "same"},
		"indirect":                     {extra(idp(pointURL, 0x84, 1, 0xff)), "indirect", "indirect", "same"},
		"indirect entry":               {inEntry(ext(idIssuer, true, 0x30, 0)), "indirect", "indirect", "same"},
		"odd critical entry":           {inEntry(ext(idOdd, true, 5, 0)), "critical extension", "critical extension", "same"},
		"odd entry":                    {inEntry(ext(idOdd, false, 5, 0)), "", "", "same"},
		"takes back":                   {func(l *x509.RevocationList) { l.RevokedCertificateEntries[0].ReasonCode = 8 }, "takes certificates back", "takes certificates back", "same"},
		"for the place":                {extra(idp(pointURL)), "", "", "same"},
		"for another place":            {extra(idp("http://crl.test/3.crl")), "other certificates", "other certificates", "same"},
		"for a place that has no name": {extra(ext(idIDP, true, 0x30, 4, 0xa0, 2, 0xa1, 0)), "other certificates", "other certificates", "same"},
		"for users":                    {extra(idp(pointURL, 0x81, 1, 0xff)), "", "", "not for authorities"},
		"for users, says FALSE":        {extra(idp(pointURL, 0x81, 1, 0)), "", "", "same"},
		"for authorities":              {extra(idp(pointURL, 0x82, 1, 0xff)), "authorities only", "authorities only", ""},
		"for attributes":               {extra(idp(pointURL, 0x85, 1, 0xff)), "attribute", "attribute", "same"},
		"for some reasons":             {extra(idp(pointURL, 0x83, 2, 1, 6)), "some reasons", "", "same"},
		"for an odd scope":             {extra(idp(pointURL, 0x86, 1, 0xff)), "scope that is not known", "scope that is not known", "same"},
	} {
		l, err := readList(bytes.NewReader(w.list(t, test.change)), anyNumber)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if test.inter == "same" {
			test.inter = test.good
		}
		for _, c := range []struct {
			cert *x509.Certificate
			want string
			why  string
		}{{w.good, Good, test.good}, {w.bad, Revoked, test.bad}, {w.inter, Good, test.inter}} {
			var v Verdict
			err := l.check(&v, c.cert, w.root, pointsOf(c.cert), w.now)
			switch {
			case c.why == "good" && err == nil && v.Status == Good:
			case c.why == "" && (err != nil || v.Status != c.want):
				t.Errorf("%s, %s certificate: %+v %v", name, c.want, v, err)
			case c.why != "" && c.why != "good" && (err == nil || !strings.Contains(err.Error(), c.why) || v.Status != ""):
				t.Errorf("%s, %s certificate: %+v %v, want %q", name, c.want, v, err, c.why)
			}
			if v.Status == Revoked && (v.RevokedAt != w.now.Add(-time.Minute).UTC() || v.Reason == "") {
				t.Errorf("%s: %+v", name, v)
			}
		}
	}
}

func TestListSignature(t *testing.T) {
	w := newWorld(t)
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	// Of the same name, by another key.
	twin, twinKey := create(t, &x509.Certificate{Subject: pkix.Name{CommonName: "Root"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCRLSign}, nil, nil)
	other, otherKey := create(t, &x509.Certificate{Subject: pkix.Name{CommonName: "Other"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCRLSign}, nil, nil)
	// It must not sign lists.
	silent := *w.root
	silent.KeyUsage = x509.KeyUsageCertSign
	with := func(key crypto.Signer) *x509.Certificate {
		c := *w.root
		c.PublicKey, c.RawSubjectPublicKeyInfo = key.Public(), []byte(t.Name())
		return &c
	}
	huge := *w.root
	n := new(big.Int).Lsh(big.NewInt(1), 16383)
	huge.PublicKey, huge.RawSubjectPublicKeyInfo = &rsa.PublicKey{N: n.SetBit(n, 0, 1), E: 65537}, []byte("huge")
	algorithm := func(a x509.SignatureAlgorithm) func(*x509.RevocationList) {
		return func(l *x509.RevocationList) { l.SignatureAlgorithm = a }
	}
	for name, test := range map[string]struct {
		der    []byte
		issuer *x509.Certificate
		error  string
	}{
		"ECDSA":          {w.list(t, nil), w.root, ""},
		"ECDSA-SHA512":   {w.list(t, algorithm(x509.ECDSAWithSHA512)), w.root, ""},
		"RSA":            {w.listBy(t, w.root, rsaKey, nil), with(rsaKey), ""},
		"RSA-SHA384":     {w.listBy(t, w.root, rsaKey, algorithm(x509.SHA384WithRSA)), with(rsaKey), ""},
		"RSA-PSS":        {w.listBy(t, w.root, rsaKey, algorithm(x509.SHA256WithRSAPSS)), with(rsaKey), ""},
		"Ed25519":        {w.listBy(t, w.root, edKey, nil), with(edKey), "not known"},
		"by a twin":      {w.listBy(t, twin, twinKey, nil), w.root, "not the issuer's"},
		"by another":     {w.listBy(t, other, otherKey, nil), w.root, "another issuer's"},
		"by who may not": {w.list(t, nil), &silent, "may sign no lists"},
		"RSA for ECDSA":  {w.listBy(t, w.root, rsaKey, nil), w.root, "does not go with"},
		"ECDSA for RSA":  {w.list(t, nil), with(rsaKey), "does not go with"},
		"a huge key":     {w.listBy(t, w.root, rsaKey, nil), &huge, "16384 bits"},
	} {
		l, err := readList(bytes.NewReader(test.der), anyNumber)
		if err == nil {
			err = l.signedBy(test.issuer)
			if again := l.signedBy(test.issuer); (again == nil) != (err == nil) {
				t.Errorf("%s: the second time %v", name, again)
			}
		}
		if (err == nil) != (test.error == "") || err != nil && !strings.Contains(err.Error(), test.error) {
			t.Errorf("%s: %v, want %q", name, err, test.error)
		}
	}
}

// TestListIsWhole: no part of a list can be left out, added or changed.
func TestListIsWhole(t *testing.T) {
	w := newWorld(t)
	der := w.list(t, func(l *x509.RevocationList) { l.ExtraExtensions = []pkix.Extension{idp(pointURL)} })
	usable := func(der []byte) bool {
		l, err := readList(bytes.NewReader(der), anyNumber)
		return err == nil && l.signedBy(w.root) == nil
	}
	if !usable(der) {
		t.Fatal("the list itself is refused")
	}
	for i := range der {
		if usable(der[:i]) {
			t.Errorf("%d bytes of %d are taken", i, len(der))
		}
		changed := slices.Clone(der)
		changed[i] ^= 1
		if usable(changed) {
			t.Errorf("the list is taken with byte %d changed", i)
		}
	}
	for name, der := range map[string][]byte{
		"followed": append(slices.Clone(der), 0), "empty": nil, "garbage": []byte("<html>not found</html>"), "endless": {0x30, 0x80, 0, 0},
		"PEM": pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der}), "huge": {0x30, 0x84, 0xff, 0xff, 0xff, 0xff, 0x30, 0x84, 0xff, 0xff, 0xff, 0xf0},
		"long tag": {0x3f, 0xff, 0xff}, "SHA-1": sha1List(t, der),
	} {
		if usable(der) {
			t.Errorf("%s: taken", name)
		}
	}
}

// sha1List names an algorithm with SHA-1 in a list.
func sha1List(t *testing.T, der []byte) []byte {
	t.Helper()
	id, err := asn1.Marshal(asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2})
	if err != nil {
		t.Fatal(err)
	}
	weak, err := asn1.Marshal(asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 1})
	if err != nil {
		t.Fatal(err)
	}
	// One octet shorter, in three lengths that hold it, which is no matter: the
	// algorithm is read before they end.
	changed := bytes.Replace(der, id, append(weak, 0), 1)
	if _, err := readList(bytes.NewReader(changed), anyNumber); err == nil || !strings.Contains(err.Error(), "SHA-1") && !errors.Is(err, errDER) {
		t.Errorf("SHA-1: %v", err)
	}
	return changed
}

// TestListIsStreamed: a list of 300,000 costs 16 bytes for each, and what is asked
// for first is all that is used.
func TestListIsStreamed(t *testing.T) {
	w := newWorld(t)
	const n = 300_000
	der := w.list(t, func(l *x509.RevocationList) {
		for i := range n {
			l.RevokedCertificateEntries = append(l.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: big.NewInt(int64(i) + 1<<40), RevocationTime: w.now})
		}
	})
	asked := 0
	l, err := readList(bytes.NewReader(der), func(n int) error { asked += n; return nil })
	if err != nil || l.signedBy(w.root) != nil {
		t.Fatal(err)
	}
	if len(l.entries) != n+2 || asked < len(l.entries) || asked > len(l.entries)+entriesAtOnce || cap(l.entries) > 2*n {
		t.Errorf("%d entries in %d, asked for %d", len(l.entries), cap(l.entries), asked)
	}
	for _, i := range []int64{0, 1, n / 2, n - 1} {
		if _, found := l.find(&x509.Certificate{SerialNumber: big.NewInt(i + 1<<40)}); !found {
			t.Errorf("the %d. is not found", i)
		}
	}
	if _, found := l.find(&x509.Certificate{SerialNumber: big.NewInt(n + 1<<40)}); found {
		t.Error("one more is found")
	}
	if _, err := readList(bytes.NewReader(der), func(int) error { return errors.New("no room") }); err == nil || err.Error() != "no room" {
		t.Errorf("without room: %v", err)
	}
}

// FuzzReadList: whatever a server sends, nobody but the issuer makes it count, and
// reading it ends.
func FuzzReadList(f *testing.F) {
	w := newWorld(f)
	f.Add([]byte{0x30, 0x80})
	f.Add(w.list(f, func(l *x509.RevocationList) { l.ExtraExtensions = []pkix.Extension{idp(pointURL, 0x81, 1, 0xff)} }))
	f.Add(w.list(f, func(l *x509.RevocationList) { l.RevokedCertificateEntries = nil }))
	stranger, _ := create(f, &x509.Certificate{Subject: pkix.Name{CommonName: "Root"}, IsCA: true, BasicConstraintsValid: true}, nil, nil)
	f.Fuzz(func(t *testing.T, der []byte) {
		l, err := readList(bytes.NewReader(der), func(n int) error {
			if n > len(der)/4+entriesAtOnce {
				return errors.New("no room")
			}
			return nil
		})
		if err != nil {
			return
		}
		var v Verdict
		if err := l.check(&v, w.good, stranger, pointsOf(w.good), w.now); err == nil || v.Status != "" {
			t.Errorf("%+v", v)
		}
	})
}

func BenchmarkReadList(b *testing.B) {
	w := newWorld(b)
	der := w.list(b, func(l *x509.RevocationList) {
		for i := range 100_000 {
			l.RevokedCertificateEntries = append(l.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: big.NewInt(int64(i) + 1<<40), RevocationTime: w.now})
		}
	})
	b.ReportAllocs()
	b.SetBytes(int64(len(der)))
	for b.Loop() {
		if _, err := readList(bytes.NewReader(der), anyNumber); err != nil {
			b.Fatal(err)
		}
	}
}
