package scanner

import (
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"certsweep/dialer"
	"certsweep/results"
	"certsweep/scanner/list"
)

// read returns the targets of a list.
func read(t testing.TB, list string) []Target {
	t.Helper()
	var targets []Target
	for target, err := range ReadTargets(strings.NewReader(list), expectation) {
		if err != nil {
			t.Fatal(err)
		}
		targets = append(targets, target)
	}
	return targets
}

func TestReadTargets(t *testing.T) {
	for _, test := range []struct {
		line string
		want string // endpoints, separated by " | "
	}{
		{"example.com", "example.com"},
		{"example.com:8443", "example.com:8443"},
		{"Example.COM.", "example.com"},
		{"_dmarc.example.com", "_dmarc.example.com"},
		{"localhost", "localhost"},
		{"192.0.2.1", "192.0.2.1"},
		{"192.0.2.1:8443", "192.0.2.1:8443"},
		{"[2001:db8::1]:8443", "[2001:db8::1]:8443"},
		{"[2001:db8::1]", "[2001:db8::1]"},
		{"2001:DB8::1", "[2001:db8::1]"},
		{"::ffff:192.0.2.1", "192.0.2.1"},
		{"https://example.com", "example.com:443"},
		{"https://example.com:8443/path?q#f", "example.com:8443"},
		{"HTTPS://[2001:db8::1]/x", "[2001:db8::1]:443"},
		{"smtp://mx.example.com", "mx.example.com:25 starttls=smtp"},
		{"smtp://mx.example.com:2525", "mx.example.com:2525 starttls=smtp"},
		{"submission://mx.example.com", "mx.example.com:587 starttls=smtp"},
		{"smtps://mx.example.com", "mx.example.com:465"},
		{"imap://x.test", "x.test:143 starttls=imap"},
		{"ldap://x.test", "x.test:389 starttls=ldap"},
		{"postgresql://db.test", "db.test:5432 starttls=postgres"},
		{"192.0.2.0/31", "192.0.2.0 | 192.0.2.1"},
		{"192.0.2.3/31:8443", "192.0.2.2:8443 | 192.0.2.3:8443"},
		{"255.255.255.255/32", "255.255.255.255"},
		{"2001:db8::/127", "[2001:db8::] | [2001:db8::1]"},
		{"[2001:db8::/127]:8443", "[2001:db8::]:8443 | [2001:db8::1]:8443"},
		{"192.0.2.1,example.com", "192.0.2.1 sni=example.com"},
		{"192.0.2.1,example.com,8443", "192.0.2.1:8443 sni=example.com"},
		{"192.0.2.1, example.com, 8443", "192.0.2.1:8443 sni=example.com"},
		{"192.0.2.1,8443", "192.0.2.1:8443"},
		{"2001:db8::1,example.com", "[2001:db8::1] sni=example.com"},
		{"1,example.com", "example.com"},
		{"999999,example.com", "example.com"},
		{"bücher.example", "xn--bcher-kva.example"},
		{"BÜCHER.example:8443", "xn--bcher-kva.example:8443"},
		{"例え.テスト", "xn--r8jz45g.xn--zckzah"},
		{"  example.com \t", "example.com"},
		{"example.com\r", "example.com"},
		{"\uFEFFexample.com", "example.com"},
		{"example.com # a comment", "example.com"},
		{"example.com sni=other.test", "example.com sni=other.test"},
		{"mx.test starttls=smtp", "mx.test starttls=smtp"},
		{"192.0.2.0/31 sni=x.test", "192.0.2.0 sni=x.test | 192.0.2.1 sni=x.test"},
		{"# a comment", ""},
		{"; a comment", ""},
		{"// a comment", ""},
		{"example.com ; a comment", "example.com"},
		{"example.com // a comment", "example.com"},
		{"example.com,8443", "example.com:8443"},
		{"example.com 8443", "example.com:8443"},
		{"example.com\t8443", "example.com:8443"},
		{"example.com 8443/tcp sni=x.test", "example.com:8443 sni=x.test"},
		{"2001:db8::1 8443", "[2001:db8::1]:8443"},
		{"192.0.2.1 8443 example.com", "192.0.2.1:8443 sni=example.com"},
		{"192.0.2.1\t8443\texample.com tag=x", "192.0.2.1:8443 sni=example.com"},
		{"192.0.2.1,8443,example.com", "192.0.2.1:8443 sni=example.com"},
		{"192.0.2.1 example.com", "192.0.2.1 sni=example.com"},
		{"192.0.2.1,example.com,edge,8443", "192.0.2.1:8443 sni=example.com"},
		{"192.0.2.1,,,8443", "192.0.2.1:8443"},
		{"192.0.2.1,,edge,", "192.0.2.1"},
		{",example.com,,8443", "example.com:8443"},
		{",example.com,edge", "example.com"},
		{"192.0.2.1,example.com,edge", "192.0.2.1 sni=example.com"},
		{`"192.0.2.1","example.com"`, "192.0.2.1 sni=example.com"},
		{"https://example.com,1000", "example.com:443"},
		{"https://example.com:8443/x,7", "example.com:8443"},
		{"http://example.com", "example.com:443"},
		{"http://example.com:80/x", "example.com:443"},
		{"http://example.com:8080", "example.com:8080"},
		{"https://user@example.com/", "example.com:443"},
		{"user@example.com:8443", "example.com:8443"},
		{"*.example.com", "example.com"},
		{"*.example.com:8443", "example.com:8443"},
		{"192.0.2.1-192.0.2.3", "192.0.2.1 | 192.0.2.2 | 192.0.2.3"},
		{"192.0.2.254-192.0.3.1:8443", "192.0.2.254:8443 | 192.0.2.255:8443 | 192.0.3.0:8443 | 192.0.3.1:8443"},
		{"192.0.2.1-3", "192.0.2.1 | 192.0.2.2 | 192.0.2.3"},
		{"192.0.1-2.0-1:8443", "192.0.1.0:8443 | 192.0.1.1:8443 | 192.0.2.0:8443 | 192.0.2.1:8443"},
		{"2001:db8::ffff-2001:db8::1:1", "[2001:db8::ffff] | [2001:db8::1:0] | [2001:db8::1:1]"},
		{"[2001:db8::1-2001:db8::2]:8443", "[2001:db8::1]:8443 | [2001:db8::2]:8443"},
		{"example.com:443,8443", "example.com:443 | example.com:8443"},
		{"example.com 443,8443", "example.com:443 | example.com:8443"},
		{"example.com:8443,443-445,444", "example.com:443 | example.com:444 | example.com:445 | example.com:8443"},
		{"example.com:443,443", "example.com:443"},
		{"[2001:db8::1]:443,8443 sni=x.test", "[2001:db8::1]:443 sni=x.test | [2001:db8::1]:8443 sni=x.test"},
		{"192.0.2.0/31:1-2", "192.0.2.0:1 | 192.0.2.0:2 | 192.0.2.1:1 | 192.0.2.1:2"},
		{"a-b.example.com", "a-b.example.com"},
		{"1-2.example.com", "1-2.example.com"},
		{"xn--p1b6ci4b4b3a.xn--p1ai", "xn--p1b6ci4b4b3a.xn--p1ai"},
		{"", ""},
		{" \t\v\f", ""},
	} {
		var got []string
		for _, target := range read(t, test.line+"\n") {
			if target.Err != nil {
				t.Errorf("%q: %v", test.line, target.Err)
			}
			got = append(got, target.Endpoint.String())
		}
		if s := strings.Join(got, " | "); s != test.want {
			t.Errorf("%q: got %q, want %q", test.line, s, test.want)
		}
	}
}

func TestReadTargetsNonsense(t *testing.T) {
	for line, want := range map[string]string{
		"not a target":                 `column 5: unknown attribute "a"`,
		"example.com:0":                "not a port",
		"example.com:65536":            "not a port",
		"example.com:+443":             "not a port",
		"example.com:https":            "not a port",
		"example.com:":                 "not a port",
		":443":                         "it is empty",
		"1.2.3.4.5":                    "ends in a number",
		"300.1.1.1":                    "ends in a number",
		"192.0.2.0/33":                 "neither a host nor a prefix",
		"example.com/path":             "a URL begins with its scheme",
		"2001:db8::/64":                "at most 2^32 are scanned",
		"192.0.2.0/24:99999":           "not a port",
		"[2001:db8::1":                 "missing ]",
		"[2001:db8::1]443":             "after ]",
		"[192.0.2.1]:443":              "not an IPv6 address",
		"[2001:db8::/127":              "missing ]",
		"2001:db8::1::2":               "not an IPv6 address",
		"2001:db8::1:99999":            "not an IPv6 address",
		"gopher://example.com":         `unknown scheme "gopher"`,
		"https://":                     "it is empty",
		"https://user:pw@example.com":  "user information",
		"example..com":                 "a label is empty",
		"-example.com":                 "an option",
		"exa mple.com":                 "unknown attribute",
		"example!.com":                 "character",
		strings.Repeat("a", 64):        "a label is longer",
		strings.Repeat("a.", 150):      "longer than 253",
		"192.0.2.1,example.com,8443,x": "not a port",
		"a.test,b.test,tag,443":        "write host,port, address,name",
		"-p":                           "an option of a command",
		"443-445":                      "is a range of numbers",
		"example.com:445-443":          "ends before it begins",
		"example.com:443,x":            "not a port",
		"192.0.2.9-192.0.2.1":          "ends before it begins",
		"10.0.0.1-2001:db8::1":         "one kind of address",
		"0.0.0.0-2001:db8::":           "one kind of address",
		"2001:db8::-2001:db9::":        "too many addresses",
		"10.0.0-1":                     "is not a range of addresses",
		"10.0.0.300-400":               "is not a range of addresses",
		"host.443-445":                 "a range of numbers",
		"0x7f000001":                   "ends in a number",
		"user:pw@host.test":            "not a port",
		"192.0.2.1 443 optionl":        "unknown attribute",
		"192.0.2.1 \"\"":               "unknown attribute",
		"192.0.2.1 /tcp":               "unknown attribute",
		"192.0.2.1:443 8443":           "unknown attribute",
		"example.com,192.0.2.1":        "write host,port, address,name",
		"example.com sni=":             "it is empty",
		"example.com sni=a..b":         "column 13",
		"example.com starttls=http":    "not a STARTTLS protocol (known: ftp",
		"example.com tagg=x":           "unknown attribute",
		`example.com issuer="Let's`:    "missing closing quote",
		"@defaults colour=red":         "unknown attribute",
		"\x00\x01\x02":                 "character",
		"\xff\xfe":                     "is not a name",
		"xn--\u0080.example":           "is not a name",
	} {
		targets := read(t, "good.test\n"+line+"\ngood.test\n")
		if len(targets) != 3 {
			t.Errorf("%q: %d targets, want 3", line, len(targets))
			continue
		}
		var got *LineError
		if !errors.As(targets[1].Err, &got) || got.Code != results.CodeBadTarget || got.Line != 2 || targets[1].Line != 2 {
			t.Errorf("%q: %#v", line, targets[1].Err)
		} else if !strings.Contains(got.Error(), want) {
			t.Errorf("%q: got %q, want %q", line, got, want)
		}
		if targets[0].Err != nil || targets[2].Err != nil || targets[2].Line != 3 {
			t.Errorf("%q: its neighbours suffer: %v, %v", line, targets[0].Err, targets[2].Err)
		}
	}
}

func TestReadTargetsLongLines(t *testing.T) {
	fits := "# " + strings.Repeat("x", list.MaxLine-2)
	text := "a.test\n" + fits + "\r\n" + strings.Repeat("é", 1<<19) + "\nb.test\n" + fits + "x\nc.test"
	for _, reader := range []io.Reader{strings.NewReader(text), iotest.OneByteReader(strings.NewReader(text))} {
		var got []string
		for target, err := range ReadTargets(reader, expectation) {
			if err != nil {
				t.Fatal(err)
			}
			code := ""
			var lineErr *LineError
			if errors.As(target.Err, &lineErr) {
				code = lineErr.Code
			}
			if len(target.Text) > maxText+len("…") {
				t.Errorf("line %d: %d bytes are kept", target.Line, len(target.Text))
			}
			got = append(got, fmt.Sprint(target.Line, target.Endpoint.Host, code))
		}
		want := []string{"1 a.test ", "3  line_too_long", "4 b.test ", "5  line_too_long", "6 c.test "}
		for i := range want {
			want[i] = strings.ReplaceAll(want[i], " ", "")
		}
		for i := range got {
			got[i] = strings.ReplaceAll(got[i], " ", "")
		}
		if !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// expectation knows some of the attributes of a check.
func expectation(key string) error {
	if slices.Contains([]string{"min-days", "issuer", "optional", "tls", "ignore"}, key) {
		return nil
	}
	return fmt.Errorf("unknown attribute %q", key)
}

func TestReadTargetsAttributes(t *testing.T) {
	targets := read(t, `
a.test tag=first min-days=30 issuer="Let's Encrypt" optional
@defaults tag=second tls=1.3 ignore=weak_key
b.test
c.test tag="third and \"last\"" min-days=7 # not tag=fourth
@defaults
d.test
`)
	type line struct {
		host, tag  string
		attributes []Attribute
	}
	var got []line
	for _, target := range targets {
		if target.Err != nil {
			t.Fatal(target.Err)
		}
		got = append(got, line{target.Endpoint.Host, target.Tag, target.Attributes})
	}
	defaults := []Attribute{{"tls", "1.3", 3, 22}, {"ignore", "weak_key", 3, 30}}
	want := []line{
		{"a.test", "first", []Attribute{{"min-days", "30", 2, 18}, {"issuer", "Let's Encrypt", 2, 30}, {"optional", "", 2, 53}}},
		{"b.test", "second", defaults},
		{"c.test", `third and "last"`, slices.Concat(defaults, []Attribute{{"min-days", "7", 5, 33}})},
		{"d.test", "", nil},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestReadLines(t *testing.T) {
	const text = `
0.0.0.0/0:8443
@defaults tag=x tls=1.3
a.test optional # no more
@defaults nonsense
`
	type line struct {
		line       int
		text, tag  string
		isDefaults bool
		attributes []Attribute
		bad        bool
	}
	tls := Attribute{"tls", "1.3", 3, 17}
	want := []line{
		{2, "0.0.0.0/0:8443", "", false, nil, false},
		{3, "", "x", true, []Attribute{tls}, false},
		{4, "a.test", "x", false, []Attribute{tls, {"optional", "", 4, 8}}, false},
		{5, "@defaults nonsense", "", false, nil, true},
	}
	var got []line
	for target, err := range ReadLines(list.NewReader(strings.NewReader(text), list.Auto).All(), expectation) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, line{target.Line, target.Text, target.Tag, target.IsDefaults, target.Attributes, target.Err != nil})
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// TestReadTargetsIsLazy reads the first addresses of all of IPv4.
func TestReadTargetsIsLazy(t *testing.T) {
	n := 0
	for target, err := range ReadTargets(strings.NewReader("0.0.0.0/0\n"), expectation) {
		if err != nil || target.Err != nil {
			t.Fatal(err, target.Err)
		}
		if n++; n == 1000 {
			if target.Endpoint.Host != "0.0.3.231" {
				t.Errorf("the thousandth address is %s", target.Endpoint.Host)
			}
			return
		}
	}
}

func TestDefaults(t *testing.T) {
	const list = "a.test\nb.test:8443\nsmtp://c.test\nhttps://d.test\ne.test starttls=imap\nf.test sni=x.test\nno target\n"
	for name, test := range map[string]struct {
		defaults Defaults
		want     string
	}{
		"zero":     {Defaults{}, "a.test:443 b.test:8443 c.test:25/smtp d.test:443 e.test:143/imap f.test:443,x.test !"},
		"ports":    {Defaults{Ports: []uint16{1, 2}}, "a.test:1 a.test:2 b.test:8443 c.test:25/smtp d.test:443 e.test:1/imap e.test:2/imap f.test:1,x.test f.test:2,x.test !"},
		"starttls": {Defaults{StartTLS: "smtp"}, "a.test:25/smtp b.test:8443/smtp c.test:25/smtp d.test:443 e.test:143/imap f.test:25/smtp,x.test !"},
		"sni":      {Defaults{ServerName: "s.test"}, "a.test:443,s.test b.test:8443,s.test c.test:25/smtp,s.test d.test:443,s.test e.test:143/imap,s.test f.test:443,x.test !"},
	} {
		var got []string
		for target, err := range test.defaults.Apply(ReadTargets(strings.NewReader(list), expectation)) {
			if err != nil {
				t.Fatal(err)
			}
			e := target.Endpoint
			s := e.Address()
			if e.StartTLS != "" {
				s += "/" + string(e.StartTLS)
			}
			if e.ServerName != "" {
				s += "," + e.ServerName
			}
			if target.Err != nil {
				s = "!"
			}
			got = append(got, s)
		}
		if s := strings.Join(got, " "); s != test.want {
			t.Errorf("%s:\ngot  %s\nwant %s", name, s, test.want)
		}
	}
}

// FuzzReadTargets: every line that is not blank or a comment has a target, and
// every endpoint can be written and read back.
func FuzzReadTargets(f *testing.F) {
	for _, seed := range []string{
		"example.com\r\n\uFEFFb.test:1 sni=x tag=\"a b\" # c\n", "10.0.0.0/30:1\n[::/127]:2\n", "1,a.test\n1.2.3.4, b.test,5",
		"@defaults starttls=smtp min-days=3\nx\n", "smtp://[::1]:2/x\n", "é.test\n\"\n\\\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		if strings.Contains(in, "/") && strings.ContainsAny(in, "0123456789") {
			t.Skip() // may be a prefix of millions
		}
		last := 0
		for target, err := range ReadTargets(strings.NewReader(in), expectation) {
			if err != nil {
				t.Fatal(err)
			}
			if target.Line <= last {
				t.Fatalf("line %d after line %d", target.Line, last)
			}
			last = target.Line
			if target.Err != nil {
				continue
			}
			back, err := dialer.ParseEndpoint(target.Endpoint.String())
			if err != nil || back != target.Endpoint {
				t.Fatalf("%q became %+v, %v; was %+v", target.Endpoint, back, err, target.Endpoint)
			}
		}
		if lines := strings.Count(in, "\n") + 1; last > lines {
			t.Fatalf("line %d of %d", last, lines)
		}
	})
}

func BenchmarkReadTargets(b *testing.B) {
	list := strings.Repeat("www.example.com:8443 tag=x\n", 1000)
	b.ReportAllocs()
	for b.Loop() {
		for _, err := range ReadTargets(strings.NewReader(list), expectation) {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
}
