package policy_test

import (
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"

	"certsweep/results/policy"
)

func TestExpectations(t *testing.T) {
	www := only(t, "good", "www.example.com")
	sum, err := hex.DecodeString(www.Certificate.SPKISHA256)
	if err != nil {
		t.Fatal(err)
	}
	pin := base64.StdEncoding.EncodeToString(sum)
	other := strings.Repeat("ab", 32)

	for _, test := range []struct {
		file, host string
		attributes []string
		want       string
	}{
		{"good", "www.example.com", []string{"min-days=30"}, ""},
		{"good", "www.example.com", []string{"min-days=61"}, "min_days=fail"},
		{"good", "www.example.com", []string{"min-lifetime-left=70%"}, "min_days=fail"},
		{"findings", "urgent.example.com", []string{"min-days=5"}, "expires_soon=warn"},
		{"findings", "urgent.example.com", []string{"min-lifetime-left=5%"}, "expires_soon=warn"},
		{"findings", "urgent.example.com", []string{"ignore=min_days"}, "expires_soon=warn"},
		{"findings", "urgent.example.com", []string{"ignore=min_days,expires_soon"}, ""},

		{"good", "www.example.com", []string{"issuer=Let's Encrypt"}, ""},
		{"good", "www.example.com", []string{"issuer=let's encrypt", "issuer=DigiCert"}, ""},
		{"good", "www.example.com", []string{"issuer=r11"}, ""},
		{"good", "www.example.com", []string{"issuer=CN=R11,O=Let"}, ""},
		{"good", "www.example.com", []string{"issuer=DigiCert"}, "issuer=fail"},

		{"good", "wild.example.com", []string{"name=*.example.com"}, ""},
		{"good", "wild.example.com", []string{"name=API.example.com."}, ""},
		{"good", "wild.example.com", []string{"name=example.com,192.0.2.5", "name=2001:DB8:0::5"}, ""},
		{"good", "wild.example.com", []string{"name=a.b.example.com"}, "name=fail"},
		{"good", "wild.example.com", []string{"name=*.com"}, "name=fail"},
		{"good", "wild.example.com", []string{"name=192.0.2.6"}, "name=fail"},
		{"good", "www.example.com", []string{"name=*.example.com"}, "name=fail"},
		{"good", "www.example.com", []string{"name=www.example.com", "name=example.com"}, "name=fail"},

		{"good", "www.example.com", []string{"pin=sha256/" + pin}, ""},
		{"good", "www.example.com", []string{"pin=sha256//" + strings.TrimRight(pin, "=")}, ""},
		{"good", "www.example.com", []string{"pin=sha256/" + strings.ToUpper(www.Certificate.SPKISHA256)}, ""},
		{"good", "www.example.com", []string{"pin=sha256/" + other + ",sha256/" + pin}, ""},
		{"good", "www.example.com", []string{"pin=sha256/" + other}, "pin=fail"},

		{"good", "www.example.com", []string{"tls=1.3"}, ""},
		{"findings", "classic.example.com", []string{"tls=TLSv1.3"}, "min_tls=fail"},

		{"findings", "untrusted.example.com", []string{"expect=untrusted"}, ""},
		{"findings", "selfsigned.example.com", []string{"expect=untrusted,self_signed"}, ""},
		{"findings", "selfsigned.example.com", []string{"expect=untrusted"}, ""},
		{"findings", "selfsigned.example.com", []string{"expect=self_signed"}, ""},
		{"findings", "selfsigned.example.com", []string{"ignore=self_signed"}, ""},
		{"findings", "selfsigned.example.com", []string{"ignore=untrusted"}, "self_signed=fail"},
		{"findings", "incomplete.example.com", []string{"ignore=incomplete_chain"}, "untrusted=fail"},
		{"findings", "incomplete.example.com", []string{"expect=untrusted"}, ""},
		{"findings", "selfsigned.example.com", []string{"expect=incomplete_chain"}, "self_signed=fail expect=fail"},
		{"findings", "expired.example.com", []string{"expect=expired"}, ""},
		{"findings", "soon.example.com", []string{"expect=expires_soon"}, ""},
		{"findings", "future.example.com", []string{"expect=not_yet_valid"}, ""},
		{"good", "www.example.com", []string{"expect=untrusted"}, "expect=fail"},
		{"good", "www.example.com", []string{"expect=expired"}, "expect=fail"},
		{"errors", "refused.example.com", []string{"expect=untrusted"}, "unchecked=unchecked"},

		{"findings", "weakkey.example.com", []string{"ignore=weak_key"}, ""},
		{"errors", "refused.example.com", []string{"optional="}, "unchecked=ok"},
		{"errors", "refused.example.com", []string{"optional=no"}, "unchecked=unchecked"},
		{"errors", "not-tls.example.com", []string{"optional=yes"}, "unchecked=unchecked"},
		{"errors", "not-tls.example.com", []string{"ignore=unchecked"}, "unchecked=ok"},
		{"errors", "late.example.com", []string{"optional=yes", "expect=untrusted"}, "expired=fail unchecked=ok"},
		{"errors", "refused.example.com", []string{"pin=sha256/" + other}, "unchecked=unchecked"},
	} {
		r := only(t, test.file, test.host)
		p := expecting(t, r, test.attributes...)
		if got := codesOf(p.Judge(r, now)); got != test.want {
			t.Errorf("%s %q: got %q, want %q", test.host, test.attributes, got, test.want)
		}
	}
}

// What --trust none left out can be neither there nor missing.
func TestExpectWithoutVerification(t *testing.T) {
	r := *only(t, "good", "www.example.com")
	r.Verification = nil
	p := expecting(t, &r, "expect=untrusted")
	p.Unverified = true
	if got := codesOf(p.Judge(&r, now)); got != "expect=unchecked" {
		t.Errorf("got %q", got)
	}
}

func TestSetErrorsHaveHints(t *testing.T) {
	for _, test := range []struct{ key, value, hint string }{
		{"mindays", "30", "did you mean min-days?"},
		{"optionnal", "", "did you mean optional?"},
		{"colour", "red", "the attributes are min-days"},
		{"min-days", "soon", "as in min-days=30"},
		{"min-days", "-1", "as in min-days=30"},
		{"min-days", "NaN", "as in min-days=30"},
		{"min-lifetime-left", "20", "as in 20%"},
		{"min-lifetime-left", "101%", "as in 20%"},
		{"tls", "1.4", "give 1.0, 1.1, 1.2 or 1.3"},
		{"tls", "", "give 1.0, 1.1, 1.2 or 1.3"},
		{"issuer", " ", "give a part of the issuer's name"},
		{"name", "bücher.example", "ASCII form"},
		{"name", "a..b", "neither a host name"},
		{"name", "a.*.b", "neither a host name"},
		{"name", "", "neither a host name"},
		{"pin", "sha1/AAAA", "give sha256/"},
		{"pin", "sha256/AAAA", "give sha256/"},
		{"pin", strings.Repeat("ab", 32), "give sha256/"},
		{"expect", "untrustd", "did you mean untrusted?"},
		{"expect", "min_days", "is not a finding of a scan"},
		{"ignore", "", "has an empty part"},
		{"optional", "maybe", "write the word alone"},
	} {
		e := new(policy.Expectation)
		err := e.Set(test.key, test.value)
		if err == nil || !strings.Contains(err.Error(), test.hint) {
			t.Errorf("%s=%s: error %v, want one with %q", test.key, test.value, err, test.hint)
		}
		if err != nil && strings.Contains(err.Error(), "\n") {
			t.Errorf("%s=%s: an error of several lines", test.key, test.value)
		}
	}
	for key, hint := range map[string]string{"min-days": "", "min-day": "did you mean min-days?", "snii": "did you mean sni?", "colour": "attributes are sni min-days"} {
		if err := policy.CheckAttribute(key, "sni"); (err == nil) != (hint == "") || err != nil && !strings.Contains(err.Error(), hint) {
			t.Errorf("%s: error %v, want one with %q", key, err, hint)
		}
	}
}

func TestWithDefaults(t *testing.T) {
	set := func(pairs ...string) *policy.Expectation {
		e := new(policy.Expectation)
		for _, pair := range pairs {
			key, value, _ := strings.Cut(pair, "=")
			if err := e.Set(key, value); err != nil {
				t.Fatal(err)
			}
		}
		return e
	}
	defaults := set("min-days=30", "issuer=A", "optional", "ignore=weak_key", "tls=1.3")
	merged := set("min-lifetime-left=10%", "issuer=B", "optional=no").WithDefaults(defaults)
	if merged.MinDays != nil || *merged.MinLifetimeLeft != 0.1 || len(merged.Issuers) != 1 || merged.Issuers[0] != "B" ||
		*merged.Optional || merged.MinTLS != "1.3" || len(merged.Ignore) != 1 {
		t.Errorf("merged to %+v", merged)
	}
	if len(defaults.Issuers) != 1 || defaults.Issuers[0] != "A" {
		t.Errorf("the defaults changed: %+v", defaults)
	}
	var none *policy.Expectation
	if none.WithDefaults(defaults) != defaults || defaults.WithDefaults(nil) != defaults {
		t.Error("merging with nothing does not return the rest")
	}
}

func TestExpectationsJoinByLineThenInput(t *testing.T) {
	var x policy.Expectations
	first, second := new(policy.Expectation), new(policy.Expectation)
	x.Add(1, "a.example", first)
	x.Add(5, "a.example", second)
	r := *only(t, "good", "www.example.com")
	for _, test := range []struct {
		line  int
		input string
		want  *policy.Expectation
	}{
		{1, "a.example", first}, {5, "a.example", second}, {9, "a.example", second},
		{1, "b.example", nil}, {2, "b.example", nil},
	} {
		r.Line, r.Input = test.line, test.input
		if got := x.For(&r); got != test.want {
			t.Errorf("line %d, %s: got %p, want %p", test.line, test.input, got, test.want)
		}
	}
	if new(policy.Expectations).For(&r) != nil {
		t.Error("no expectations have one")
	}
}

func TestExpectationsWithDefaults(t *testing.T) {
	var x policy.Expectations
	own, defaults := new(policy.Expectation), new(policy.Expectation)
	x.AddDefaults(0, nil)
	x.AddDefaults(3, defaults)
	x.AddDefaults(8, nil)
	x.Add(1, "a.example", own)
	x.Add(5, "a.example", own)
	r := *only(t, "good", "www.example.com")
	for _, test := range []struct {
		line  int
		input string
		want  *policy.Expectation
	}{
		{1, "a.example", own}, {2, "a.example", nil}, {4, "a.example", defaults}, {5, "a.example", own},
		{5, "b.example", defaults}, {7, "b.example", defaults}, {9, "a.example", nil}, {0, "a.example", nil},
	} {
		r.Line, r.Input = test.line, test.input
		if got := x.For(&r); got != test.want {
			t.Errorf("line %d, %s: got %p, want %p", test.line, test.input, got, test.want)
		}
	}
}

func FuzzSet(f *testing.F) {
	for _, seed := range [][2]string{
		{"min-days", "30"}, {"min-lifetime-left", "20%"}, {"tls", "1.3"}, {"issuer", "Let's Encrypt"},
		{"name", "*.example.com"}, {"pin", "sha256/" + strings.Repeat("ab", 32)},
		{"expect", "untrusted"}, {"ignore", "weak_key,expired"}, {"optional", ""}, {"x", "y"},
	} {
		f.Add(seed[0], seed[1])
	}
	r := only(f, "good", "www.example.com")
	f.Fuzz(func(t *testing.T, key, value string) {
		e := new(policy.Expectation)
		err := e.Set(key, value)
		if err == nil && policy.CheckAttribute(key) != nil {
			t.Fatalf("took %q", key)
		}
		if err != nil && len(err.Error()) > 1000 {
			t.Fatalf("an error of %d bytes", len(err.Error()))
		}
		for _, n := range []*float64{e.MinDays, e.MinLifetimeLeft} {
			if n != nil && !(*n >= 0) {
				t.Fatalf("%s=%q is %v", key, value, *n)
			}
		}
		for _, pin := range e.Pins {
			if len(pin) != 64 {
				t.Fatalf("pin %q", pin)
			}
		}
		p := policy.Default()
		p.Expectations = new(policy.Expectations)
		p.Expectations.Add(r.Line, r.Input, e)
		p.Judge(r, now)
	})
}
