package scan

import (
	"crypto/x509"
	"fmt"
	"io"
	"os"

	"golang.org/x/crypto/x509roots/fallback/bundle"

	"certsweep/cmd/internal/process"
	"certsweep/results"
)

// Verifier returns the trust anchors that --trust and --ca-file name; nil
// if nothing is to be verified. If the system has none at all, they are Mozilla's, and
// TrustFallback is set.
func (o *Options) Verifier() (*results.Verifier, error) {
	roots := x509.NewCertPool()
	var pem []byte // of a file that may be a pipe, which can be read once
	if o.CAFile != "" {
		var err error
		if pem, err = os.ReadFile(o.CAFile); err != nil {
			return nil, process.Usage("--ca-file: %w", err)
		}
		if !roots.AppendCertsFromPEM(pem) {
			return nil, process.Usage("--ca-file: no certificate in PEM form in %s", o.CAFile)
		}
		if !o.TrustSet {
			return &results.Verifier{Roots: roots}, nil
		}
	}
	switch o.Trust {
	case "none":
		if o.CAFile != "" {
			return nil, process.Usage("--ca-file and --trust none exclude each other")
		}
		return nil, nil
	case "mozilla":
		return o.mozilla(roots)
	case "system":
		system, err := systemRoots(os.Getenv)
		if err != nil {
			return nil, err
		}
		if system == nil {
			o.TrustFallback = true
			return o.mozilla(roots)
		}
		system.AppendCertsFromPEM(pem)
		roots = system
	}
	return &results.Verifier{Roots: roots, Public: o.CAFile == ""}, nil
}

// mozilla returns Mozilla's trust anchors, which are built in, on top of roots.
func (o *Options) mozilla(roots *x509.CertPool) (*results.Verifier, error) {
	constrained := make(map[string]bool) // by the certificate
	for root := range bundle.Roots() {
		cert, err := x509.ParseCertificate(root.Certificate)
		if err != nil {
			return nil, fmt.Errorf("the built-in root certificates: %w", err)
		}
		if root.Constraint == nil {
			roots.AddCert(cert)
		} else {
			roots.AddCertWithConstraint(cert, root.Constraint)
			constrained[string(cert.Raw)] = true
		}
	}
	return &results.Verifier{Roots: roots, Public: o.CAFile == "", Constrained: func(anchor *x509.Certificate) bool { return constrained[string(anchor.Raw)] }}, nil
}

// systemRoots returns the system's trust anchors, and nil if it has none at all, as
// an image without files. A store that cannot be read, or that the environment
// names, and that is empty, is an error: whoever chose it does not want another.
func systemRoots(getenv func(string) string) (*x509.CertPool, error) {
	system, err := x509.SystemCertPool()
	if err != nil {
		return nil, process.Usage("the system's trusted roots cannot be read: %w\nuse --trust mozilla or none", err)
	}
	if !system.Equal(x509.NewCertPool()) {
		return system, nil
	}
	for _, name := range []string{"SSL_CERT_FILE", "SSL_CERT_DIR"} {
		if value := getenv(name); value != "" {
			return nil, process.Usage("%s=%s in the environment has no trusted roots: correct it, or use --trust mozilla or none", name, value)
		}
	}
	return nil, nil
}

// TellTrust says on stderr if the trust anchors are not those that were asked for.
func (o *Options) TellTrust(stderr io.Writer, program string) {
	if o.TrustFallback {
		fmt.Fprintf(stderr, "%s: this system has no trusted roots: using Mozilla's, built in (as --trust mozilla does)\n", program)
	}
}
