package dialer

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Protocol is an application protocol that starts in the clear and changes to
// TLS on the same connection; package starttls speaks it. The empty Protocol is
// TLS from the first byte.
type Protocol string

// DefaultPort returns the port that IANA gave the protocol, or 0 for TLS from
// the first byte.
func (p Protocol) DefaultPort() uint16 {
	if p == "" {
		return 0
	}
	return schemes[string(p)].port
}

// scheme is what the part of a URL before "://" says about an endpoint.
type scheme struct {
	port     uint16
	starttls Protocol
}

// schemes has the port that IANA's service name registry gives each scheme;
// those of PostgreSQL's, MySQL's and SQL Server's URLs are their clients'.
var schemes = map[string]scheme{
	"https": {443, ""}, "wss": {443, ""}, "tls": {443, ""}, "ssl": {443, ""},

	"smtp": {25, "smtp"}, "submission": {587, "smtp"}, "smtps": {465, ""}, "submissions": {465, ""},
	"lmtp": {24, "lmtp"},
	"imap": {143, "imap"}, "imaps": {993, ""},
	"pop3": {110, "pop3"}, "pop3s": {995, ""},
	"ftp": {21, "ftp"}, "ftps": {990, ""},
	"sieve": {4190, "sieve"}, "managesieve": {4190, "sieve"},
	"nntp": {119, "nntp"}, "nntps": {563, ""}, "snews": {563, ""},
	"irc": {6667, "irc"}, "ircs": {6697, ""},
	"xmpp": {5222, "xmpp"}, "xmpp-client": {5222, "xmpp"}, "xmpps": {5223, ""},
	"xmpp-server": {5269, "xmpp-server"}, "xmpps-server": {5270, ""},
	"ldap": {389, "ldap"}, "ldaps": {636, ""},
	"postgres": {5432, "postgres"}, "postgresql": {5432, "postgres"},
	"mysql": {3306, "mysql"}, "mariadb": {3306, "mysql"},
	"rdp": {3389, "rdp"},
	"tds": {1433, "tds"}, "mssql": {1433, "tds"}, "sqlserver": {1433, "tds"},
	"mqtts": {8883, ""}, "amqps": {5671, ""}, "rediss": {6379, ""}, "dot": {853, ""}, "telnets": {992, ""},
}

// ParseProtocol returns the STARTTLS protocol that a scheme's name stands for.
func ParseProtocol(s string) (Protocol, error) {
	if known, ok := schemes[strings.ToLower(s)]; ok && known.starttls != "" {
		return known.starttls, nil
	}
	return "", fmt.Errorf("%q is not a STARTTLS protocol (known: %s)", cut(s), strings.Join(Protocols(), " "))
}

// Protocols returns the names of the STARTTLS protocols, sorted. ParseProtocol
// takes others for some of them.
func Protocols() []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(schemes)) {
		if schemes[name].starttls == Protocol(name) {
			names = append(names, name)
		}
	}
	return names
}
