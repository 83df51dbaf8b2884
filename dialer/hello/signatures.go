package hello

// signatureSchemes are offered for handshake and certificates alike. The IANA
// registry "TLS SignatureScheme" and, for pairs of hash and signature that
// only TLS 1.2 has, RFC 5246 §7.4.1.4.1. No signature is ever checked, so the
// list is every scheme a certificate may have been made with; the usual ones
// come first, to be shown the usual certificate.
var signatureSchemes = []uint16{
	0x0403, 0x0503, 0x0603, // ECDSA on P-256, P-384, P-521, RFC 8446 §4.2.3
	0x0804, 0x0805, 0x0806, // RSA-PSS with an RSA key
	0x0401, 0x0501, 0x0601, // RSA PKCS #1
	0x0807, 0x0808, // Ed25519, Ed448
	0x0809, 0x080A, 0x080B, // RSA-PSS with an RSA-PSS key
	0x081A, 0x081B, 0x081C, // ECDSA on brainpool curves, RFC 8734 §2
	0x0402, 0x0502, 0x0602, // DSA
	0x0303, 0x0301, 0x0302, // SHA-224: ECDSA, RSA, DSA
	0x0203, 0x0201, 0x0202, // SHA-1
	0x0101, 0x0103, 0x0102, // MD5: RSA, ECDSA, DSA
	0x0708,                                                 // SM2 with SM3, RFC 8998 §3.2.1
	0x0709, 0x070A, 0x070B, 0x070C, 0x070D, 0x070E, 0x070F, // GOST, RFC 9367 §5
	0x0840, 0x0841, 0xEEEE, 0xEFEF, 0xEDED, // GOST, RFC 9189 §5 and its drafts
	0x0904, 0x0905, 0x0906, // ML-DSA, draft-ietf-tls-mldsa
	0x0911, 0x0912, 0x0913, 0x0914, 0x0915, 0x0916, // SLH-DSA with SHA-2, draft-reddy-tls-slhdsa
	0x0917, 0x0918, 0x0919, 0x091A, 0x091B, 0x091C, // SLH-DSA with SHAKE
}
