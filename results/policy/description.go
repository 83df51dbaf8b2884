package policy

import "certsweep/results"

// Description says in a few words what a code means, without a record at hand; ""
// for a code that this package does not know.
func (c Code) Description() string { return descriptions[c] }

var descriptions = map[Code]string{
	Code(results.Expired):                "The certificate is past its last day",
	Code(results.NotYetValid):            "The certificate is before its first day",
	Code(results.ExpiresSoon):            "The certificate expires soon",
	Code(results.Untrusted):              "There is no chain to a trusted root",
	Code(results.SelfSigned):             "The certificate is signed with its own key, and is not a trusted root",
	Code(results.IncompleteChain):        "An issuer's certificate is missing from the chain",
	Code(results.ChainExpired):           "A certificate between the leaf and the root has expired",
	Code(results.ChainExpiresSoon):       "A certificate between the leaf and the root expires before the leaf",
	Code(results.NameMismatch):           "The certificate is not for the name that was asked for",
	Code(results.NoNames):                "The certificate has no subject alternative name",
	Code(results.WeakKey):                "A key in the chain is weak",
	Code(results.WeakSignature):          "A signature in the chain is made with MD5 or SHA-1",
	Code(results.OldProtocol):            "TLS 1.1 or older was negotiated",
	Code(results.WeakCipher):             "A weak cipher suite was negotiated",
	Code(results.NotPostQuantum):         "The key exchange is not post-quantum",
	Code(results.LongValidity):           "The certificate's lifetime is longer than public CAs may issue for",
	Code(results.Malformed):              "A certificate of the chain is malformed",
	Code(results.Unsupported):            "A certificate could not be verified: its key is of a kind that Go does not know",
	Code(results.Revoked):                "The certificate was revoked",
	Code(results.StapleMissing):          "The certificate demands a stapled OCSP response, and no valid one came",
	Code(results.RevocationUnknown):      "It could not be found out whether a certificate of the chain was revoked",
	Code(results.HelloIntolerant):        "The server does not answer a ClientHello of two segments, such as browsers send",
	Code(results.ALPNRefused):            "The server refuses the application protocols that were offered",
	Code(results.NoServerPreference):     "The client decides which cipher suite is chosen",
	Code(results.Compression):            "TLS compression is accepted",
	Code(results.InsecureRenegotiation):  "Renegotiation is not secure",
	Code(results.NoFallbackSCSV):         "A client can be downgraded to an old version",
	Code(results.NoExtendedMasterSecret): "There is no extended master secret",
	CodeUnchecked:                        "The endpoint could not be checked",
	CodeMinDays:                          "Too little of the certificate's life is left",
	CodeMinTLS:                           "A lower TLS version than asked for was negotiated",
	CodeIssuer:                           "The certificate was issued by somebody else",
	CodeName:                             "The certificate lacks a name that it should have",
	CodePin:                              "The certificate's key is none of the pinned ones",
	CodeExpect:                           "A finding that was expected is not there",
	CodeChanged:                          "The endpoint is not as the baseline has it",
}
