package results

import (
	"slices"
	"testing"
)

// TestFindEnumeration: the findings of a handshake are then about all that is
// accepted.
func TestFindEnumeration(t *testing.T) {
	yes, no := true, false
	versions := func(v ...EnumeratedVersion) *Enumeration { return &Enumeration{Versions: v} }
	for name, test := range map[string]struct {
		enumeration *Enumeration
		want        []Finding
	}{
		"nothing":       {versions(), []Finding{NotPostQuantum}},
		"good":          {versions(EnumeratedVersion{"1.3", []string{"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384"}, &no}, EnumeratedVersion{"1.2", []string{"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"}, &yes}), []Finding{NotPostQuantum}},
		"old":           {versions(EnumeratedVersion{Version: "1.3"}, EnumeratedVersion{Version: "1.1"}), []Finding{OldProtocol, NotPostQuantum}},
		"SSL 2.0":       {versions(EnumeratedVersion{"SSL 2.0", []string{"SSL_CK_RC4_128_WITH_MD5"}, &no}), []Finding{OldProtocol, WeakCipher, NotPostQuantum}},
		"no preference": {versions(EnumeratedVersion{"1.2", []string{"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "TLS_RSA_WITH_AES_128_GCM_SHA256"}, &no}), []Finding{WeakCipher, NotPostQuantum, NoServerPreference}},
		"unknown":       {versions(EnumeratedVersion{"1.2", []string{"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"}, nil}), []Finding{NotPostQuantum}},
		"post-quantum":  {&Enumeration{Groups: []EnumeratedGroups{{"1.3", []string{"X25519", "SecP384r1MLKEM1024"}, "X25519"}}}, []Finding{}},
		"not so":        {&Enumeration{Groups: []EnumeratedGroups{{"1.3", []string{"X25519"}, ""}}}, []Finding{NotPostQuantum}},
	} {
		r := &Record{TLS: &TLS{Version: "1.3", Cipher: "TLS_AES_128_GCM_SHA256"}, Enumeration: test.enumeration}
		if got := Find(r, nil, nil, true); !slices.Equal(got, test.want) {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
	}
	// What was negotiated and is accepted is found once.
	r := &Record{TLS: &TLS{Version: "1.0", Cipher: "TLS_RSA_WITH_RC4_128_SHA"}, Enumeration: versions(EnumeratedVersion{"1.0", []string{"TLS_RSA_WITH_RC4_128_SHA"}, &yes})}
	if got := Find(r, nil, []Finding{Compression}, false); !slices.Equal(got, []Finding{OldProtocol, WeakCipher, Compression}) {
		t.Errorf("%v", got)
	}
}
