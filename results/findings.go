package results

// Finding is something about an endpoint that its owner may want to mend, from
// a closed set.
type Finding string

// The findings, in the order in which a record lists them.
const (
	Expired         Finding = "expired"
	NotYetValid     Finding = "not_yet_valid"
	ExpiresSoon     Finding = "expires_soon"
	Untrusted       Finding = "untrusted"
	SelfSigned      Finding = "self_signed"
	IncompleteChain Finding = "incomplete_chain"
	NameMismatch    Finding = "name_mismatch"
	NoNames         Finding = "no_names"
	WeakKey         Finding = "weak_key"
	WeakSignature   Finding = "weak_signature"
	OldProtocol     Finding = "old_protocol"
	WeakCipher      Finding = "weak_cipher"
	NotPostQuantum  Finding = "not_post_quantum"
	LongValidity    Finding = "long_validity"
	Malformed       Finding = "malformed"
)
