package dialertest

import (
	"crypto"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"sync"
	"time"
)

const day = 24 * time.Hour

// CA is a certificate authority in memory: a root, or an intermediate below
// one. It is safe for concurrent use. The zero value is not usable: see
// [NewCA].
type CA struct {
	root *x509.Certificate
	cert *x509.Certificate
	key  crypto.Signer
	// chain is what a server has to send after a leaf: this authority and
	// those above it, without the root.
	chain [][]byte
}

// NewCA returns a new root, valid for ten years. It panics where it cannot.
func NewCA(name string, key Key) *CA {
	ca := &CA{key: key.generate()}
	template := authority(name)
	ca.cert = create(template, template, ca.key.Public(), ca.key)
	ca.root = ca.cert
	return ca
}

// Intermediate returns a new authority signed by ca.
func (ca *CA) Intermediate(name string, key Key) *CA {
	return ca.intermediateUntil(name, key, time.Time{})
}

// intermediateUntil is Intermediate with an end of its own, the zero time for
// the usual one.
func (ca *CA) intermediateUntil(name string, key Key, notAfter time.Time) *CA {
	sub := &CA{root: ca.root, key: key.generate()}
	template := authority(name)
	if !notAfter.IsZero() {
		template.NotAfter = notAfter
	}
	sub.cert = create(template, ca.cert, sub.key.Public(), ca.key)
	sub.chain = slices.Concat([][]byte{sub.cert.Raw}, ca.chain)
	return sub
}

func authority(name string) *x509.Certificate {
	now := time.Now()
	return &x509.Certificate{
		Subject:               pkix.Name{CommonName: name, Organization: []string{"certsweep dialertest"}},
		NotBefore:             now.Add(-365 * day),
		NotAfter:              now.Add(9 * 365 * day),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
}

// Certificate returns the authority's own certificate.
func (ca *CA) Certificate() *x509.Certificate { return ca.cert }

// RootPEM returns the root above ca (or ca itself) as a PEM file.
func (ca *CA) RootPEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.root.Raw})
}

// Pool returns a new pool with the root above ca alone.
func (ca *CA) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(ca.root)
	return pool
}

// Leaf describes an end-entity certificate. The zero value has no name at all,
// a P-256 key, and dates with which nobody finds fault.
type Leaf struct {
	CommonName string // the subject; not a name the certificate is valid for
	DNSNames   []string
	IPs        []netip.Addr
	// NotBefore and NotAfter are 10 days ago and 80 days ahead by default.
	NotBefore, NotAfter time.Time
	// Key is the kind of key. All certificates of one kind share one key pair.
	Key Key
	// PrivateKey, where it is set, is used in place of a key of kind Key.
	PrivateKey crypto.Signer
	// SignatureAlgorithm is by default the one that suits the issuer's key.
	SignatureAlgorithm x509.SignatureAlgorithm
	// IssuerURLs says where to fetch the issuer's certificate (RFC 5280
	// §4.2.2.1, caIssuers).
	IssuerURLs []string
	// Extensions are added as they are, also such that make the certificate
	// malformed.
	Extensions []pkix.Extension
}

// Issue returns a certificate signed by ca, with the chain a server has to
// send (all but the root) and its private key. Servers and clients may use it. Issue
// panics where l is impossible.
func (ca *CA) Issue(l Leaf) tls.Certificate {
	key := l.signer()
	der := sign(l.template(), ca.cert, key.Public(), ca.key)
	return tls.Certificate{Certificate: slices.Concat([][]byte{der}, ca.chain), PrivateKey: key}
}

// SelfSigned returns a certificate signed with its own key.
func SelfSigned(l Leaf) tls.Certificate {
	key := l.signer()
	template := l.template()
	der := sign(template, template, key.Public(), key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// IssueMany returns n certificates, the i-th for the name host(i), with one
// P-256 key between them. It uses all processors.
func (ca *CA) IssueMany(n int, host func(i int) string) []tls.Certificate {
	certs := make([]tls.Certificate, n)
	workers := runtime.GOMAXPROCS(0)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := w; i < n; i += workers {
				certs[i] = ca.Issue(Leaf{DNSNames: []string{host(i)}})
			}
		})
	}
	wg.Wait()
	return certs
}

func (l Leaf) signer() crypto.Signer {
	if l.PrivateKey != nil {
		return l.PrivateKey
	}
	return shared[l.Key]()
}

func (l Leaf) template() *x509.Certificate {
	now := time.Now()
	t := &x509.Certificate{
		Subject:               pkix.Name{CommonName: l.CommonName},
		DNSNames:              l.DNSNames,
		NotBefore:             l.NotBefore,
		NotAfter:              l.NotAfter,
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true,
		SignatureAlgorithm:    l.SignatureAlgorithm,
		IssuingCertificateURL: l.IssuerURLs,
		ExtraExtensions:       l.Extensions,
	}
	if l.Key == RSA2048 || l.Key == RSA1024 {
		t.KeyUsage |= x509.KeyUsageKeyEncipherment
	}
	if t.Subject.CommonName == "" && len(l.DNSNames) > 0 {
		t.Subject.CommonName = l.DNSNames[0]
	}
	for _, ip := range l.IPs {
		t.IPAddresses = append(t.IPAddresses, net.IP(ip.AsSlice()))
	}
	if t.NotBefore.IsZero() {
		t.NotBefore = now.Add(-10 * day)
	}
	if t.NotAfter.IsZero() {
		t.NotAfter = now.Add(80 * day)
	}
	return t
}

func sign(template, parent *x509.Certificate, public crypto.PublicKey, key crypto.Signer) []byte {
	// 64 bits are enough to be distinct and quicker to draw than 160.
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 64))
	must(err)
	template.SerialNumber = serial.Add(serial, big.NewInt(1))
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, key)
	must(err)
	return der
}

func create(template, parent *x509.Certificate, public crypto.PublicKey, key crypto.Signer) *x509.Certificate {
	cert, err := x509.ParseCertificate(sign(template, parent, public, key))
	must(err)
	return cert
}

// PEM returns a certificate and its chain, and its private key, as the two PEM
// files that command-line programs take.
func PEM(cert tls.Certificate) (chain, key []byte) {
	for _, der := range cert.Certificate {
		chain = append(chain, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	der, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	must(err)
	return chain, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}
