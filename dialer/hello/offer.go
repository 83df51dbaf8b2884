package hello

import "slices"

// Offer is what a ClientHello offers. Its fields are the caller's choice, and
// what is empty is left out; [Hello13] and [Hello10] are the usual ones.
type Offer struct {
	// Version is what stands in the hello itself, TLS 1.2 at most (RFC 8446
	// §4.1.2), and SupportedVersions in the extension that TLS 1.3 needs.
	Version           uint16
	SupportedVersions []uint16
	// MinVersion and MaxVersion bound what is taken for an answer; 0 is no
	// bound. TLS 1.3 is taken only if SupportedVersions has it.
	MinVersion, MaxVersion uint16
	// In order of preference:
	CipherSuites     []uint16
	Groups           []uint16
	SignatureSchemes []uint16
	ALPN             []string
	// CertificateSchemes are for the signatures in certificates, if those of
	// SignatureSchemes are not (RFC 8446 §4.2.3).
	CertificateSchemes []uint16
	// KeyShares are the groups that come with a share. A server that prefers
	// another asks for it, for the price of a round trip.
	KeyShares []uint16
	// SessionID has the hello look like a resumption of TLS 1.2, for the sake
	// of middleboxes (RFC 8446 §D.4).
	SessionID bool
	// OCSP, SCT and ExtendedMasterSecret ask for what they are called.
	OCSP, SCT, ExtendedMasterSecret bool
	// Extensions, if it is not nil, says which extensions stand in the hello, and in
	// which order; by default it is those that the other fields and the server name call
	// for, in the order of [Hello13]. One whose Data is nil is made of these fields,
	// and left out if they do not call for it; one that no field stands for is
	// empty. Data that is not nil goes out as it is, and is not looked at: with a
	// share in it no key can be agreed. Without any, the hello ends before the list.
	Extensions []Extension
	// Compression are the methods offered, the null method if it is nil.
	Compression []byte
	// RecordVersion stands in the record's header; 0 is TLS 1.0 (RFC 8446 §5.1).
	RecordVersion uint16
}

// Hello13 offers TLS 1.3 and, to servers that do not know it, everything below
// down to SSL 3.0; some 950 bytes.
func Hello13() Offer {
	return Offer{
		Version:           versionTLS12,
		SupportedVersions: []uint16{versionTLS13, versionTLS12, versionTLS11, versionTLS10},
		CipherSuites:      append(suiteIDs(), emptyRenegotiationInfo),
		Groups:            slices.Concat(groupsPostQuantum, groupsClassic),
		SignatureSchemes:  signatureSchemes,
		KeyShares:         firstShares,
		SessionID:         true,
		OCSP:              true,
		SCT:               true,
		// Some servers in FIPS mode refuse TLS 1.2 without it.
		ExtendedMasterSecret: true,
	}
}

// Hello13Lean offers TLS 1.3 alone, and as little with it as that needs: wolfSSL
// refuses more than 150 suites, and as lighttpd has it status_request, too.
func Hello13Lean() Offer {
	return Offer{
		Version:           versionTLS12,
		SupportedVersions: []uint16{versionTLS13},
		CipherSuites:      []uint16{0x1301, 0x1302, 0x1303, 0x1304, 0x1305},
		Groups:            []uint16{groupX25519, groupP256, groupP384, groupP521},
		SignatureSchemes:  signatureSchemes,
		KeyShares:         firstShares,
		SessionID:         true,
	}
}

// Hello12 offers TLS 1.2 and below with what servers of that time were seen to
// bear: 149 suites at most (wolfSSL has a limit of 150), and none of the
// extensions that came later, nor status_request, which some stumble over.
func Hello12() Offer {
	return Offer{
		Version:              versionTLS12,
		CipherSuites:         append(suites12(), emptyRenegotiationInfo),
		Groups:               slices.DeleteFunc(slices.Clone(groupsClassic), IsFFDHE),
		SignatureSchemes:     signatureSchemes,
		ExtendedMasterSecret: true,
	}
}

// Hello12Short offers TLS 1.2 and below in 255 bytes, with a server name of up to
// 50: the most that some servers bear.
func Hello12Short() Offer {
	return Offer{
		Version:          versionTLS12,
		CipherSuites:     append(slices.Clone(suites12Short), emptyRenegotiationInfo),
		Groups:           []uint16{groupX25519, groupP256, groupP384, groupP521},
		SignatureSchemes: []uint16{0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601, 0x0807, 0x0203, 0x0201},
	}
}

// Hello10 offers TLS 1.0 and SSL 3.0, without supported_versions, ALPN or
// anything else a server of that time may stumble over. With a server name of
// up to 50 bytes it is not longer than 255, the most that some servers bear.
func Hello10() Offer {
	return Offer{
		Version:      versionTLS10,
		CipherSuites: append(slices.Clone(suites10), emptyRenegotiationInfo),
		Groups:       groups10,
	}
}

// Limit returns the offer with no version outside least and most, 0 for no
// limit. ok is false if nothing is left of it.
func (o Offer) Limit(least, most uint16) (limited Offer, ok bool) {
	if most == 0 {
		most = versionTLS13
	}
	o.MinVersion, o.MaxVersion = least, most
	if len(o.SupportedVersions) == 0 {
		o.Version = min(o.Version, most)
		return o, o.Version >= least
	}
	o.SupportedVersions = slices.DeleteFunc(slices.Clone(o.SupportedVersions), func(v uint16) bool { return v < least || v > most })
	o.Version = min(o.Version, most)
	if most < versionTLS13 {
		o.KeyShares = nil
		o.CipherSuites = slices.DeleteFunc(slices.Clone(o.CipherSuites), func(id uint16) bool { return id>>8 == 0x13 })
	}
	return o, len(o.SupportedVersions) > 0
}

// recordVersion is TLS 1.0 by default, as old servers want it of a first hello.
func (o *Offer) recordVersion() uint16 {
	if o.RecordVersion == 0 {
		return versionTLS10
	}
	return o.RecordVersion
}

// givesKeyShare reports whether the shares stand among the extensions as bytes.
func (o *Offer) givesKeyShare() bool {
	return slices.ContainsFunc(o.Extensions, func(e Extension) bool { return e.Type == extensionKeyShare && e.Data != nil })
}

// takes reports whether a server may choose a version. One that was not offered
// is taken if nobody minds: an old server's mistake still shows its certificate.
func (o *Offer) takes(version uint16) bool {
	if version == versionTLS13 && !slices.Contains(o.SupportedVersions, version) {
		return false
	}
	return version >= o.MinVersion && (o.MaxVersion == 0 || version <= o.MaxVersion)
}

// WithoutPostQuantum returns the offer without the groups that have ML-KEM, and
// without shares in them.
func (o Offer) WithoutPostQuantum() Offer {
	o.Groups = slices.DeleteFunc(slices.Clone(o.Groups), IsPostQuantum)
	o.KeyShares = slices.DeleteFunc(slices.Clone(o.KeyShares), IsPostQuantum)
	return o
}

// PostQuantum reports whether a server may choose a post-quantum group.
func (o Offer) PostQuantum() bool {
	return slices.Contains(o.SupportedVersions, versionTLS13) && slices.ContainsFunc(o.Groups, IsPostQuantum)
}
