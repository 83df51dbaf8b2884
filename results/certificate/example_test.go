package certificate_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"time"

	"certsweep/results/certificate"
)

// A certificate that was cut off in its middle is refused by crypto/x509. What
// stands before the cut can be read all the same.
func ExampleRead() {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(12),
		Subject:      pkix.Name{CommonName: "example.test"},
		NotBefore:    time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC),
		NotAfter:     time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC),
		DNSNames:     []string{"example.test"},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	now := time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)
	c := certificate.Read(der[:len(der)/2], nil, now)
	fmt.Println(c.Subject.CommonName, c.NotAfter.Format(time.DateOnly), c.DaysLeft.Number)
	fmt.Println(c.ParseError)
	// Output:
	// example.test 2026-12-01 10
	// x509: malformed certificate
}
