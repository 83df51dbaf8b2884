package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"certsweep/results"
	"certsweep/results/certificate"
	"certsweep/results/revocation"
)

// findings reports what the record found, but for what [judgement.validity]
// works out itself.
func (j *judgement) findings() {
	j.verified()
	for _, finding := range j.record.Findings {
		switch finding {
		case results.Expired, results.NotYetValid, results.ExpiresSoon:
			// By the scan's clock; where the certificate has no dates to judge
			// anew, validity has said so.
			continue
		case results.ChainExpiresSoon:
			if j.verdict.has(Code(results.ChainExpired)) {
				continue // it has, since
			}
		case results.Untrusted:
			if j.hasReason() {
				continue
			}
		}
		j.report(Code(finding), func() string { return describe(finding, j.record) })
	}
}

// soon is how long before its end a certificate of the chain expires soon, as a
// scan has it.
const soon = 30 * day

// verified reports what the verification says and the findings do not: that a
// certificate of the chain has expired since, or will soon, and what a record
// that somebody has edited, or another program has written, leaves out.
func (j *judgement) verified() {
	v, c := j.record.Verification, j.record.Certificate
	if v == nil || c == nil {
		return
	}
	report := func(f results.Finding) { j.report(Code(f), func() string { return describe(f, j.record) }) }
	if v.NotAfter.Before(c.NotAfter) && !v.NotAfter.IsZero() {
		switch left := v.NotAfter.Sub(j.now); {
		case left < 0:
			report(results.ChainExpired)
		case left < soon:
			report(results.ChainExpiresSoon)
		}
	}
	explained := slices.ContainsFunc(j.record.Findings, func(f results.Finding) bool {
		return slices.Contains([]results.Finding{results.Untrusted, results.Expired, results.NotYetValid, results.Unsupported, results.Malformed}, f)
	})
	if !v.Trusted && !explained {
		report(results.Untrusted)
	}
	if !v.NameMatch {
		report(results.NameMismatch)
	}
}

// hasReason reports whether the record says why the chain is not trusted, and
// that is judged instead: the advice for the reason is the better one. A reason
// stands in for untrusted where it is no less bad. A self-signed certificate
// cannot but be untrusted, so whoever lets the one pass means the other too.
func (j *judgement) hasReason() bool {
	untrusted := j.level(Code(results.Untrusted))
	return slices.ContainsFunc(j.record.Findings, func(f results.Finding) bool {
		_, given := j.policy.Levels[Code(f)]
		return f == results.SelfSigned && given || isReason(f) && j.level(Code(f)) >= untrusted
	})
}

// isReason: a certificate with one of these findings is not trusted for it.
func isReason(f results.Finding) bool {
	return f == results.SelfSigned || f == results.IncompleteChain || f == results.ChainExpired
}

// describe says what a finding means for the record at hand and what to do
// about it.
func describe(f results.Finding, r *results.Record) string {
	c, t, v := r.Certificate, r.TLS, r.Verification
	if c == nil {
		c = &certificate.Certificate{}
	}
	if t == nil {
		t = &results.TLS{}
	}
	switch f {
	case results.Untrusted:
		why := "no chain to a trusted root"
		if v != nil && v.Error != "" {
			why = v.Error
		}
		return fmt.Sprintf("not trusted (%s), issued by %s: use a certificate of a trusted CA, or give its root with --ca-file", why, name(c.Issuer))
	case results.SelfSigned:
		return "self-signed: use a certificate of a CA, or give this one with --ca-file"
	case results.IncompleteChain:
		return fmt.Sprintf("chain is missing its intermediate: serve it too (issuer %s)", name(c.Issuer))
	case results.ChainExpired, results.ChainExpiresSoon:
		return describeChain(f, v)
	case results.NameMismatch:
		return fmt.Sprintf("certificate is not for %s but for %s: add the name, or serve the right certificate", askedFor(r), names(c))
	case results.NoNames:
		return "certificate has no subject alternative name: clients ignore the common name, reissue it with one"
	case results.WeakKey:
		// The finding is about the chain as well, which the record may lack.
		return fmt.Sprintf("weak key in the chain (the leaf's is %s): reissue with ECDSA P-256 or RSA 2048", key(c.PublicKey))
	case results.WeakSignature:
		return fmt.Sprintf("weak signature in the chain (the leaf's is %s): reissue with SHA-256", c.SignatureAlgorithm)
	case results.OldProtocol:
		return fmt.Sprintf("old protocol (%s): enable TLS 1.2 and 1.3%s", oldProtocols(r, t), alone(r))
	case results.WeakCipher:
		return fmt.Sprintf("weak cipher (%s): enable the ECDHE suites with AES-GCM or ChaCha20%s", weakCiphers(r, t), alone(r))
	case results.NotPostQuantum:
		return fmt.Sprintf("key exchange is not post-quantum (%s): enable X25519MLKEM768 and TLS 1.3", cmp.Or(t.KeyExchange, "unknown"))
	case results.LongValidity:
		return fmt.Sprintf("valid for %s in all, longer than clients accept from public CAs: reissue for less", span(c.NotAfter.Sub(c.NotBefore)))
	case results.Revoked, results.RevocationUnknown:
		return describeRevocation(f, r)
	case results.StapleMissing:
		return describeStaple(t.OCSP)
	case results.HelloIntolerant:
		return "does not answer a ClientHello of two segments, such as browsers send: update the server, or the middlebox before it"
	case results.ALPNRefused:
		return "refuses every application protocol of --alpn (no_application_protocol): enable one of them, or offer what it speaks"
	case results.NoServerPreference, results.Compression, results.InsecureRenegotiation, results.NoFallbackSCSV, results.NoExtendedMasterSecret:
		return describeAccepted(f)
	case results.Unsupported:
		return describeUnsupported(c, v)
	case results.Malformed:
		if c.ParseError == "" {
			return "malformed certificate in the chain above the leaf: serve another chain"
		}
		return fmt.Sprintf("malformed certificate (%s): reissue it", c.ParseError)
	}
	return strings.ReplaceAll(string(f), "_", " ")
}

// describeUnsupported says what kept the chain from being verified.
func describeUnsupported(c *certificate.Certificate, v *results.Verification) string {
	if c.ParseError == "" && v != nil {
		return "the chain could not be verified: " + strings.TrimPrefix(v.Error, "could not be checked: ")
	}
	return fmt.Sprintf("the certificate could not be verified: its key (%s) is of a kind that Go does not know", key(c.PublicKey))
}

// describeChain says what the dates above the leaf mean.
func describeChain(f results.Finding, v *results.Verification) string {
	if f == results.ChainExpired {
		return fmt.Sprintf("a certificate of the chain has expired%s: serve the issuer's present chain", chainEnd(v))
	}
	return fmt.Sprintf("a certificate of the chain expires before the leaf%s: serve another chain, or renew under a newer issuer", chainEnd(v))
}

// describeRevocation says what is known of a revocation, and from where.
func describeRevocation(f results.Finding, r *results.Record) string {
	wanted := revocation.Revoked
	if f == results.RevocationUnknown {
		wanted = revocation.Unknown
	}
	if found := r.Revocation; found != nil {
		for _, v := range found.Certificates {
			switch {
			case v.Status != wanted:
			case wanted == revocation.Unknown:
				return fmt.Sprintf("whether %s was revoked could not be found out (%s)", v.Subject, v.Error)
			case v.Source != revocation.SourceStaple:
				return fmt.Sprintf("%s was revoked on %s (%s), says %s: replace it, and its key", v.Subject, date(v.RevokedAt), v.Reason, v.URL)
			}
		}
		if found.Error != "" && wanted == revocation.Unknown {
			return fmt.Sprintf("whether the certificate was revoked could not be found out (%s)", found.Error)
		}
	}
	o := &revocation.OCSP{}
	if r.TLS != nil && r.TLS.OCSP != nil {
		o = r.TLS.OCSP
	}
	switch {
	case f == results.RevocationUnknown && o.Status == revocation.Unknown:
		return "the stapled OCSP response says that the issuer does not know the certificate, which some clients refuse: replace it"
	case f == results.RevocationUnknown:
		return "whether the certificate was revoked could not be found out"
	case o.Status == revocation.Revoked:
		return fmt.Sprintf("revoked on %s (%s), as the stapled response says: replace it, and its key", date(o.RevokedAt), o.Reason)
	}
	return "revoked: replace it, and its key"
}

// describeStaple says what the stapled OCSP response means, nil for none.
func describeStaple(o *revocation.OCSP) string {
	switch {
	case o != nil && o.Status == revocation.Unknown:
		return "the certificate demands a stapled OCSP response, and the stapled one says that its issuer does not know it: replace it"
	case o != nil:
		return fmt.Sprintf("the certificate demands a stapled OCSP response (%s): enable stapling", o.Error)
	}
	return "the certificate demands a stapled OCSP response, and none was stapled: enable stapling"
}

// chainEnd says which certificate of a verified chain ends first, and when.
func chainEnd(v *results.Verification) string {
	if v == nil || v.NotAfter.IsZero() {
		return ""
	}
	return fmt.Sprintf(" (%s on %s)", v.FirstToExpire, date(v.NotAfter))
}

// protocol says a record's version as people do: "1.2" is TLS's.
func protocol(version string) string {
	if _, ok := versions[version]; ok {
		return "TLS " + version
	}
	return version
}

// askedFor is the name the certificate was checked against.
func askedFor(r *results.Record) string {
	if r.SNI != "" {
		return r.SNI
	}
	return r.Host
}

func name(n certificate.Name) string {
	switch {
	case n.DN != "":
		return n.DN
	case n.CommonName != "":
		return "CN=" + n.CommonName
	}
	return "nobody that it names"
}

// names lists the first few of a certificate's names.
func names(c *certificate.Certificate) string {
	const shown = 3
	all := len(c.DNSNames) + len(c.IPAddresses)
	if all == 0 {
		return "no name at all"
	}
	// Of thousands of names only the first are copied.
	first := append([]string(nil), c.DNSNames[:min(shown, len(c.DNSNames))]...)
	first = append(first, c.IPAddresses[:min(shown-len(first), len(c.IPAddresses))]...)
	list := strings.Join(first, ", ")
	if all > shown {
		return fmt.Sprintf("%s and %d more", list, all-shown)
	}
	return list
}

func key(k certificate.PublicKey) string {
	switch {
	case k.Curve != "":
		return k.Algorithm + " " + k.Curve
	case k.Bits != 0:
		return fmt.Sprintf("%s %d bits", k.Algorithm, k.Bits)
	}
	return k.Algorithm
}
