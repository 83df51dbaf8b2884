package dialertest

import "net"

// refuse answers every ClientHello with a fatal alert.
func refuse(number byte) func(*pki) func(net.Conn) {
	return raw(func(c net.Conn) {
		if readRecord(c) != nil {
			c.Write(alert(number))
		}
		finish(c)
	})
}

// refusalCases answer with an alert, whatever they are asked.
func refusalCases() []Case {
	return []Case{
		newCase("handshake-failure", "It refuses every offer with the alert handshake_failure.",
			alerted("handshake_failure"), refuse(40)),
		newCase("protocol-version", "It refuses every version with the alert protocol_version.",
			alerted("protocol_version"), refuse(70)),
		newCase("internal-error", "It is out of order and says so with the alert internal_error.",
			alerted("internal_error"), refuse(80)),
		newCase("unrecognized-name", "It knows no name and says so with the alert unrecognized_name.",
			alerted("unrecognized_name"), refuse(112)),
	}
}
