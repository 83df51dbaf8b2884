package dialer

import (
	"strings"
	"testing"
)

func TestParseEndpoint(t *testing.T) {
	label := strings.Repeat("a", 63)
	for _, test := range []struct {
		in     string
		want   Endpoint
		string string // the canonical form; empty means in itself
	}{
		{"example.com", Endpoint{Host: "example.com"}, ""},
		{"example.com:8443", Endpoint{Host: "example.com", Port: 8443}, ""},
		{"Example.COM.", Endpoint{Host: "example.com"}, "example.com"},
		{"example.com.:443", Endpoint{Host: "example.com", Port: 443}, "example.com:443"},
		{"localhost", Endpoint{Host: "localhost"}, ""},
		{"_dmarc.a_b.example", Endpoint{Host: "_dmarc.a_b.example"}, ""},
		{"3com.test", Endpoint{Host: "3com.test"}, ""},
		{label + ".test", Endpoint{Host: label + ".test"}, ""},
		{"bücher.example", Endpoint{Host: "xn--bcher-kva.example"}, "xn--bcher-kva.example"},
		{"faß.example:1", Endpoint{Host: "xn--fa-hia.example", Port: 1}, "xn--fa-hia.example:1"},
		{"例え。テスト", Endpoint{Host: "xn--r8jz45g.xn--zckzah"}, "xn--r8jz45g.xn--zckzah"},

		{"192.0.2.1", Endpoint{Host: "192.0.2.1"}, ""},
		{"192.0.2.1:8443", Endpoint{Host: "192.0.2.1", Port: 8443}, ""},
		{"2001:DB8:0::1", Endpoint{Host: "2001:db8::1"}, "[2001:db8::1]"},
		{"[2001:db8::1]", Endpoint{Host: "2001:db8::1"}, ""},
		{"[2001:db8::1]:443", Endpoint{Host: "2001:db8::1", Port: 443}, ""},
		{"::ffff:192.0.2.1", Endpoint{Host: "192.0.2.1"}, "192.0.2.1"},
		{"[fe80::1%eth0.100]:443", Endpoint{Host: "fe80::1%eth0.100", Port: 443}, ""},

		{"https://example.com", Endpoint{Host: "example.com", Port: 443}, "example.com:443"},
		{"HTTPS://example.com:8443/path?q=a:b#f", Endpoint{Host: "example.com", Port: 8443}, "example.com:8443"},
		{"https://example.com?q", Endpoint{Host: "example.com", Port: 443}, "example.com:443"},
		{"https://[2001:db8::1]/", Endpoint{Host: "2001:db8::1", Port: 443}, "[2001:db8::1]:443"},
		{"smtp://mx.test", Endpoint{Host: "mx.test", Port: 25, StartTLS: "smtp"}, "mx.test:25 starttls=smtp"},
		{"submission://mx.test", Endpoint{Host: "mx.test", Port: 587, StartTLS: "smtp"}, "mx.test:587 starttls=smtp"},
		{"smtps://mx.test", Endpoint{Host: "mx.test", Port: 465}, "mx.test:465"},
		{"postgresql://db.test/name", Endpoint{Host: "db.test", Port: 5432, StartTLS: "postgres"}, "db.test:5432 starttls=postgres"},

		{"192.0.2.1,8443", Endpoint{Host: "192.0.2.1", Port: 8443}, "192.0.2.1:8443"},
		{"192.0.2.1,example.com", Endpoint{Host: "192.0.2.1", ServerName: "example.com"}, "192.0.2.1 sni=example.com"},
		{"192.0.2.1,example.com,8443", Endpoint{Host: "192.0.2.1", Port: 8443, ServerName: "example.com"}, "192.0.2.1:8443 sni=example.com"},
		{"2001:db8::1,example.com", Endpoint{Host: "2001:db8::1", ServerName: "example.com"}, "[2001:db8::1] sni=example.com"},
		{"[2001:db8::1],443", Endpoint{Host: "2001:db8::1", Port: 443}, "[2001:db8::1]:443"},

		{"mx.test starttls=smtp", Endpoint{Host: "mx.test", StartTLS: "smtp"}, ""},
		{" mx.test\tstarttls=SUBMISSION  sni=Other.test ", Endpoint{Host: "mx.test", StartTLS: "smtp", ServerName: "other.test"}, "mx.test starttls=smtp sni=other.test"},
		{"192.0.2.1 sni=2001:db8::1", Endpoint{Host: "192.0.2.1", ServerName: "2001:db8::1"}, ""},
	} {
		got, err := ParseEndpoint(test.in)
		if err != nil || got != test.want {
			t.Errorf("ParseEndpoint(%q) = %+v, %v; want %+v", test.in, got, err, test.want)
			continue
		}
		if test.string == "" {
			test.string = test.in
		}
		if got.String() != test.string {
			t.Errorf("ParseEndpoint(%q).String() = %q, want %q", test.in, got, test.string)
		}
		if again, err := ParseEndpoint(test.string); err != nil || again != got {
			t.Errorf("ParseEndpoint(%q) = %+v, %v; want %+v again", test.string, again, err, got)
		}
	}
}

func TestParseEndpointErrors(t *testing.T) {
	for in, want := range map[string]string{
		"":                                     "empty",
		" \t":                                  "empty",
		"example.com:0":                        "not a port",
		"example.com:65536":                    "not a port",
		"example.com:":                         "not a port",
		"example.com:https":                    "not a port",
		":443":                                 "it is empty",
		"a..b":                                 "a label is empty",
		"a.test..":                             "a label is empty",
		"-a.test":                              "hyphen",
		"a-.test":                              "hyphen",
		"a b.test":                             `unexpected "b.test"`,
		"a/b.test":                             "character '/'",
		"*.test":                               "character '*'",
		"1.2.3":                                "ends in a number",
		"1.2.3.256":                            "ends in a number",
		"2001:db8::zz":                         "not an IPv6 address",
		"[2001:db8::1":                         "missing ]",
		"[2001:db8::1]443":                     "unexpected",
		"[192.0.2.1]:443":                      "not an IPv6 address",
		"[example.com]":                        "not an IPv6 address",
		"[fe80::1%a:b]:443":                    "not an IPv6 address",
		"http://example.com":                   "has no TLS",
		"gopher://example.com":                 "unknown scheme",
		"https://user:secret@example.com":      "user information",
		"https://":                             "it is empty",
		"example.com,443":                      "not address,name",
		"192.0.2.1,a.test,443,more":            "not address,name",
		"192.0.2.1,":                           "not a port",
		"192.0.2.1,a.test,":                    "not a port",
		"192.0.2.1,a_:b":                       "not a host name",
		"example.com sni=":                     "it is empty",
		"example.com starttls=https":           "not a STARTTLS protocol",
		"example.com starttls=":                "not a STARTTLS protocol",
		"example.com tag=x":                    "unexpected",
		"b\xfccher.example":                    "not UTF-8",
		"a\u200d.test":                         "not a name",
		strings.Repeat("a", 64):                "longer than 63",
		strings.Repeat("a.", 127) + "test":     "longer than 253",
		strings.Repeat("ü", 2000) + ".test":    "too long",
		"xn--a b":                              "unexpected",
		"https://" + strings.Repeat("a", 5000): "longer than",
	} {
		got, err := ParseEndpoint(in)
		if err == nil || !strings.Contains(err.Error(), want) || got != (Endpoint{}) {
			t.Errorf("ParseEndpoint(%q) = %+v, %v; want an error with %q", cut(in), got, err, want)
		}
		if err != nil && (len(err.Error()) > 400 || strings.Contains(err.Error(), "secret")) {
			t.Errorf("ParseEndpoint(%q): message of %d bytes: %v", cut(in), len(err.Error()), err)
		}
	}
}

func TestWithDefaultPort(t *testing.T) {
	for _, test := range []struct {
		e    Endpoint
		want uint16
	}{
		{Endpoint{Host: "a.test"}, 443},
		{Endpoint{Host: "a.test", Port: 1}, 1},
		{Endpoint{Host: "a.test", StartTLS: "imap"}, 143},
		{Endpoint{Host: "a.test", StartTLS: "imap", Port: 1}, 1},
	} {
		if got := test.e.WithDefaultPort(443); got.Port != test.want || got.Host != test.e.Host {
			t.Errorf("%v: port %d, want %d", test.e, got.Port, test.want)
		}
	}
}

func TestEndpointName(t *testing.T) {
	if got := (Endpoint{Host: "a.test"}).Name(); got != "a.test" {
		t.Errorf("%q", got)
	}
	if got := (Endpoint{Host: "192.0.2.1", ServerName: "b.test"}).Name(); got != "b.test" {
		t.Errorf("%q", got)
	}
}

func FuzzParseEndpoint(f *testing.F) {
	for _, s := range []string{
		"example.com:443", "2001:db8::1", "[fe80::1%eth0]:443", "::ffff:192.0.2.1", "192.0.2.1,example.com,8443", "[2001:db8::1],443",
		"https://user@example.com/", "smtp://mx.test", "mx.test starttls=smtp sni=other.test", "bücher.example。", "[fe80::1%]]", "https://[::%,]",
		"xn--a.test", "a sni=fe80::1%://", "１.test",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		e, err := ParseEndpoint(s)
		if err != nil {
			if e != (Endpoint{}) {
				t.Fatalf("%q: %+v beside %v", s, e, err)
			}
			return
		}
		if e.Host == "" {
			t.Fatalf("%q: no host", s)
		}
		again, err := ParseEndpoint(e.String())
		if err != nil || again != e {
			t.Fatalf("%q: %+v is written %q and read as %+v, %v", s, e, e, again, err)
		}
	})
}
