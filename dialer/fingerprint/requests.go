package fingerprint

import (
	"slices"
	"strings"

	"certsweep/dialer/hello"
)

// Extension types, from the IANA registry "TLS ExtensionType Values".
const (
	extensionServerName           = 0
	extensionSupportedGroups      = 10
	extensionSignatureAlgorithms  = 13
	extensionALPN                 = 16
	extensionExtendedMasterSecret = 23
	extensionSupportedVersions    = 43
	extensionPSKModes             = 45
	extensionKeyShare             = 51
	extensionRenegotiationInfo    = 0xFF01
)

const (
	renegotiationSCSV = 0x00FF // RFC 5746 §3.3
	deflate           = 1      // RFC 3749 §2
)

// suiteRequest returns what makes the hellos that offer suites in one version.
func (r *run) suiteRequest(v uint16) func(suites []uint16) *request {
	if v == versionTLS13 {
		return func(suites []uint16) *request { return r.request13(suites, r.allGroups(v)) }
	}
	return func(suites []uint16) *request {
		return r.requestBelow13(v, suites, slices.Concat(r.allGroups(v), hello.AllFFDHE()))
	}
}

func (r *run) allGroups(v uint16) []uint16 {
	groups := hello.AllGroups(v)
	if r.NoPostQuantum {
		groups = slices.DeleteFunc(groups, hello.IsPostQuantum)
	}
	return groups
}

// noShares is a key_share extension without any: the server asks for one in the
// group that it likes best, in a HelloRetryRequest that costs neither side a key
// (RFC 8446 §4.2.8).
var noShares = []byte{0, 0}

// request13 offers TLS 1.3 alone.
func (r *run) request13(suites, groups []uint16) *request {
	shares := noShares
	if r.sharing {
		shares = nil
	}
	return &request{client: hello.Client{ServerName: r.ServerName, Offer: hello.Offer{
		Version:           versionTLS12,
		SupportedVersions: []uint16{versionTLS13},
		CipherSuites:      slices.Clone(suites),
		Groups:            slices.Clone(groups),
		SignatureSchemes:  hello.Hello13().SignatureSchemes,
		ALPN:              r.ALPN,
		KeyShares:         hello.Hello13().KeyShares,
		SessionID:         true,
		Extensions: []hello.Extension{
			{Type: extensionServerName}, {Type: extensionSupportedGroups}, {Type: extensionSignatureAlgorithms}, {Type: extensionALPN},
			{Type: extensionSupportedVersions}, {Type: extensionPSKModes, Data: []byte{1, 1}}, {Type: extensionKeyShare, Data: shares},
		},
	}}}
}

// requestBelow13 offers one version below TLS 1.3, and shows by the way what it is
// answered with.
func (r *run) requestBelow13(v uint16, suites, groups []uint16) *request {
	q := &request{client: hello.Client{ServerName: r.ServerName, Offer: hello.Offer{
		Version:              v,
		CipherSuites:         append(slices.Clone(suites), renegotiationSCSV),
		Groups:               slices.Clone(groups),
		ALPN:                 r.ALPN,
		ExtendedMasterSecret: true,
		Compression:          []byte{deflate, 0},
	}}}
	switch v {
	case versionTLS12:
		q.client.Offer.SignatureSchemes = hello.Hello13().SignatureSchemes
	case versionSSL30:
		q.client.Offer.RecordVersion = versionSSL30
		q.client.Offer.Extensions = []hello.Extension{} // RFC 6101 §5.6.1.2 has none
	}
	return q
}

// observe notes what an answer shows besides.
func (r *run) observe(q *request, server *hello.ServerHello) {
	if server.Version >= versionTLS13 {
		return
	}
	has := func(extension uint16) bool {
		return slices.ContainsFunc(server.Extensions, func(e hello.Extension) bool { return e.Type == extension })
	}
	r.seen.Compression = r.seen.Compression || server.Compression != 0
	r.seen.InsecureRenegotiation = r.seen.InsecureRenegotiation || !has(extensionRenegotiationInfo)
	if server.Version >= versionTLS10 && !has(extensionExtendedMasterSecret) {
		r.seen.NoExtendedMasterSecret = true
	}
}

// groupList finds the groups of TLS 1.3, or of the accepted suites of TLS 1.2,
// all if these are not known.
func (r *run) groupList(v uint16, suites []uint16) *GroupList {
	found := &GroupList{Version: v}
	l := &list{version: v, name: hello.GroupName, zero: true}
	unknown := v != versionTLS13 && suites == nil // whether it has any
	if v == versionTLS13 {
		l.request = func(groups []uint16) *request { return r.request13(hello.AllSuites(v), groups) }
		l.chosen = func(a *answer) uint16 { return a.server.Group }
	} else {
		if suites == nil {
			suites = hello.AllSuites(v)
		}
		ecdhe, dhe := withPrefix(suites, "TLS_ECDHE_", "TLS_ECDH_anon_"), withPrefix(suites, "TLS_DHE_", "TLS_DH_anon_")
		if len(dhe) > 0 {
			defer func() { found.Groups = append(found.Groups, r.ffdhe(v, dhe)...) }()
		}
		if len(ecdhe) == 0 {
			return found
		}
		l.request = func(groups []uint16) *request {
			q := r.requestBelow13(v, ecdhe, groups)
			q.keyExchange = true
			return q
		}
		l.chosen = func(a *answer) uint16 { return a.group }
		l.needed = r.Known.CertificateCurve
	}
	// Against the usual order, so that one found in it is the server's own.
	groups := r.allGroups(v)
	offered := slices.Clone(groups)
	slices.Reverse(offered)
	e := r.eliminate(l, offered)
	for i := 0; len(e.order) == 0 && (e.first.outcome == refused || e.first.outcome == dropped) && !unknown; i++ {
		// The version and its suites need one.
		if i == len(patience) {
			r.doubts("the server refuses every group of version %s", hello.VersionName(v))
			break
		}
		r.pause(patience[i])
		e = r.eliminate(l, offered)
	}
	found.Groups = e.order
	switch {
	case e.prefers == nil:
	case *e.prefers && len(e.order) > 0:
		found.Preferred = e.order[0]
	default:
		found.Groups = slices.DeleteFunc(groups, func(g uint16) bool { return !slices.Contains(e.order, g) })
	}
	return found
}

// ffdhe finds the groups of RFC 7919 that are accepted for DHE suites. A server
// that does not know that RFC has a prime of its own.
func (r *run) ffdhe(v uint16, suites []uint16) (groups []uint16) {
	left := hello.AllFFDHE()
	for len(left) > 0 {
		q := r.requestBelow13(v, suites, left)
		q.keyExchange = true
		a := r.ask(q)
		i := slices.Index(left, a.group)
		if a.outcome != accepted || i < 0 {
			break
		}
		groups = append(groups, a.group)
		left = slices.Delete(left, i, i+1)
	}
	return groups
}

func withPrefix(suites []uint16, prefixes ...string) []uint16 {
	return slices.DeleteFunc(slices.Clone(suites), func(id uint16) bool {
		name := hello.SuiteName(id)
		return !slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(name, prefix) })
	})
}
