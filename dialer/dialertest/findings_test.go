package dialertest_test

import (
	"bytes"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"slices"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"certsweep/dialer/dialertest"
)

// view is what a finding is judged by.
type view struct {
	tls.ConnectionState
	leaf  *x509.Certificate
	host  string
	roots *x509.CertPool
}

const day = 24 * time.Hour

// findings says of each finding, independently of package results, when it is
// there.
var findings = map[string]func(view) bool{
	"expired":       func(v view) bool { return time.Now().After(v.leaf.NotAfter) },
	"not_yet_valid": func(v view) bool { return time.Now().Before(v.leaf.NotBefore) },
	"expires_soon": func(v view) bool {
		left := time.Until(v.leaf.NotAfter)
		return 0 < left && left < 30*day
	},
	"long_validity": func(v view) bool { return v.leaf.NotAfter.Sub(v.leaf.NotBefore) > 398*day },
	"self_signed":   func(v view) bool { return bytes.Equal(v.leaf.RawIssuer, v.leaf.RawSubject) },
	"untrusted": func(v view) bool {
		return v.verify() != nil || len(v.PeerCertificates) > 1 && time.Now().After(v.PeerCertificates[1].NotAfter)
	},
	"incomplete_chain": func(v view) bool {
		return v.verify() != nil && len(v.PeerCertificates) == 1 && len(v.leaf.IssuingCertificateURL) > 0
	},
	"chain_expired": func(v view) bool {
		return len(v.PeerCertificates) > 1 && time.Now().After(v.PeerCertificates[1].NotAfter)
	},
	"chain_expires_soon": func(v view) bool {
		if len(v.PeerCertificates) < 2 {
			return false
		}
		left := time.Until(v.PeerCertificates[1].NotAfter)
		return 0 < left && left < 30*day
	},
	"revoked": func(v view) bool {
		if len(v.OCSPResponse) == 0 {
			return false
		}
		response, err := ocsp.ParseResponseForCert(v.OCSPResponse, v.leaf, v.PeerCertificates[1])
		return err == nil && response.Status == ocsp.Revoked
	},
	"revocation_unknown": func(v view) bool {
		if len(v.OCSPResponse) == 0 {
			return false
		}
		response, err := ocsp.ParseResponseForCert(v.OCSPResponse, v.leaf, v.PeerCertificates[1])
		return err == nil && response.Status == ocsp.Unknown
	},
	"staple_missing": func(v view) bool {
		return len(v.OCSPResponse) == 0 && slices.ContainsFunc(v.leaf.Extensions, func(e pkix.Extension) bool {
			return e.Id.String() == "1.3.6.1.5.5.7.1.24"
		})
	},
	"name_mismatch":  func(v view) bool { return v.leaf.VerifyHostname(v.host) != nil },
	"no_names":       func(v view) bool { return len(v.leaf.DNSNames)+len(v.leaf.IPAddresses) == 0 },
	"weak_signature": func(v view) bool { return v.leaf.SignatureAlgorithm == x509.ECDSAWithSHA1 },
	"weak_key": func(v view) bool {
		key, ok := v.leaf.PublicKey.(*rsa.PublicKey)
		return ok && key.N.BitLen() < 2048
	},
	"old_protocol": func(v view) bool { return v.Version < tls.VersionTLS12 },
	"weak_cipher": func(v view) bool {
		return slices.ContainsFunc(tls.InsecureCipherSuites(), func(s *tls.CipherSuite) bool { return s.ID == v.CipherSuite })
	},
	"not_post_quantum": func(v view) bool { return v.CurveID != tls.X25519MLKEM768 },
}

// verify builds the chain at a time at which the leaf is valid.
func (v view) verify() error {
	options := x509.VerifyOptions{
		Roots: v.roots, Intermediates: x509.NewCertPool(), CurrentTime: v.leaf.NotBefore.Add(time.Hour),
	}
	for _, c := range v.PeerCertificates[1:] {
		options.Intermediates.AddCert(c)
	}
	_, err := v.leaf.Verify(options)
	return err
}

func TestFindings(t *testing.T) {
	farm, err := dialertest.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer farm.Close()
	for _, e := range farm.Endpoints {
		if !e.Plain.Certificate {
			continue
		}
		t.Run(e.Name, func(t *testing.T) {
			s := probe(t, e, widest())
			if s.state == nil {
				t.Fatal(s.err)
			}
			v := view{ConnectionState: *s.state, leaf: s.state.PeerCertificates[0], host: e.Host, roots: farm.CA().Pool()}
			if s.conn != nil {
				v.ConnectionState = *s.conn // has the curve under TLS 1.2 too
			}
			if v.host == "" {
				v.host = e.Addr.Addr().String()
			}
			for name, found := range findings {
				if wanted := slices.Contains(e.Plain.Findings, name); wanted && !found(v) {
					t.Errorf("%s is wanted and not there", name)
				} else if e.Plain.Clean && found(v) {
					t.Errorf("%s is there, and should not", name)
				}
			}
			for _, name := range e.Plain.Findings {
				if findings[name] == nil {
					t.Errorf("no such finding: %s", name)
				}
			}
		})
	}
}
