package results

import (
	"slices"
	"strings"
)

// Enumeration is what a server accepts, as far as it was asked.
type Enumeration struct {
	// Complete says that it accepts nothing else. If not, Error says why it may.
	Complete bool   `json:"complete"`
	Error    string `json:"error,omitempty"`
	// Connections counts those that the enumeration made or tried.
	Connections int `json:"connections"`
	// Versions are the accepted ones, the newest first. Nil when neither they nor
	// suites were asked for.
	Versions []EnumeratedVersion `json:"versions,omitzero"`
	// Groups are the key exchange groups of TLS 1.3 and 1.2. Nil when they were
	// not asked for.
	Groups []EnumeratedGroups `json:"groups,omitzero"`
}

// EnumeratedVersion is a version that a server accepts.
type EnumeratedVersion struct {
	Version string `json:"version"` // as in [TLS]
	// Suites are IANA names, in the server's order if it has one. Nil when they
	// were not asked for.
	Suites []string `json:"suites,omitzero"`
	// ServerPreference says that the server's order decides, and not the client's.
	// Nil when it is not known.
	ServerPreference *bool `json:"server_preference,omitempty"`
}

// EnumeratedGroups are the key exchange groups that a server accepts in a version.
type EnumeratedGroups struct {
	Version string   `json:"version"`
	Groups  []string `json:"groups"`
	// Preferred is the one that the server chooses whatever the client's order is;
	// empty when it goes by that.
	Preferred string `json:"preferred,omitempty"`
}

// OldVersions returns those below TLS 1.2.
func (e *Enumeration) OldVersions() (old []string) {
	for _, v := range e.Versions {
		if isOldProtocol(v.Version) {
			old = append(old, v.Version)
		}
	}
	return old
}

// WeakCiphers returns the weak suites of all versions, each once.
func (e *Enumeration) WeakCiphers() (weak []string) {
	for _, v := range e.Versions {
		for _, suite := range v.Suites {
			if isWeakCipher(suite) && !slices.Contains(weak, suite) {
				weak = append(weak, suite)
			}
		}
	}
	return weak
}

// PostQuantum reports whether one of the groups is post-quantum.
func (e *Enumeration) PostQuantum() bool {
	for _, list := range e.Groups {
		if slices.ContainsFunc(list.Groups, isPostQuantumGroup) {
			return true
		}
	}
	return false
}

// noServerPreference reports whether clients decide which suite is chosen below
// TLS 1.3, whose suites are all good.
func (e *Enumeration) noServerPreference() bool {
	return slices.ContainsFunc(e.Versions, func(v EnumeratedVersion) bool {
		return v.ServerPreference != nil && !*v.ServerPreference && v.Version != "1.3" && len(v.Suites) > 1
	})
}

func isOldProtocol(version string) bool {
	return slices.Contains([]string{"SSL 2.0", "SSL 3.0", "1.0", "1.1"}, version)
}

func isPostQuantumGroup(name string) bool {
	return strings.Contains(name, "MLKEM") || strings.Contains(name, "Kyber")
}

// Fingerprints tell one TLS stack and its configuration from another.
type Fingerprints struct {
	// JARM is 62 hex digits, all zero for a server that does not answer; empty when
	// it could not be taken, and Error says why.
	JARM string `json:"jarm,omitempty"`
	// JA3S is that of the ServerHello which the hello of hello13 gets; empty when it
	// gets none.
	JA3S  string `json:"ja3s,omitempty"`
	Error string `json:"error,omitempty"`
}
