package dialer

import "strconv"

// The alerts that decide about anything here (RFC 8446 §6, RFC 6066 §3).
const (
	alertUnexpectedMessage      = 10
	alertBadRecordMAC           = 20
	alertRecordOverflow         = 22
	alertHandshakeFailure       = 40
	alertBadCertificate         = 42
	alertUnsupportedCertificate = 43
	alertCertificateUnknown     = 46
	alertIllegalParameter       = 47
	alertAccessDenied           = 49
	alertDecodeError            = 50
	alertProtocolVersion        = 70
	alertInternalError          = 80
	alertUnsupportedExtension   = 110
	alertUnrecognizedName       = 112
	alertCertificateRequired    = 116
	alertNoApplicationProtocol  = 120
)

// alertNames has the names of RFC 8446 §6 and, for the alerts that only older
// versions send, of RFC 5246 §7.2 and RFC 2246 §7.2.
var alertNames = map[uint8]string{
	0: "close_notify", 10: "unexpected_message", 20: "bad_record_mac", 21: "decryption_failed",
	22: "record_overflow", 30: "decompression_failure", 40: "handshake_failure", 41: "no_certificate",
	42: "bad_certificate", 43: "unsupported_certificate", 44: "certificate_revoked",
	45: "certificate_expired", 46: "certificate_unknown", 47: "illegal_parameter", 48: "unknown_ca",
	49: "access_denied", 50: "decode_error", 51: "decrypt_error", 60: "export_restriction",
	70: "protocol_version", 71: "insufficient_security", 80: "internal_error",
	86: "inappropriate_fallback", 90: "user_canceled", 100: "no_renegotiation",
	109: "missing_extension", 110: "unsupported_extension", 111: "certificate_unobtainable",
	112: "unrecognized_name", 113: "bad_certificate_status_response", 114: "bad_certificate_hash_value",
	115: "unknown_psk_identity", 116: "certificate_required", 120: "no_application_protocol",
	121: "ech_required",
}

// AlertName returns the name of a TLS alert in the registry's spelling, or
// "alert_N" for a number that has none.
func AlertName(alert uint8) string {
	if name, ok := alertNames[alert]; ok {
		return name
	}
	return "alert_" + strconv.Itoa(int(alert))
}
