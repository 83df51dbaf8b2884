package fingerprint

import (
	"slices"
	"testing"
	"testing/synctest"

	"certsweep/dialer/hello"
)

func TestJARMOfABehaviour(t *testing.T) {
	const known = "2ad2ad0002ad2ad0002ad2ad2ad2ade1a3c0d7ca6ad8388057924be83dfc6a"
	good := modern()
	for name, test := range map[string]struct {
		behaviour
		none, fails bool
	}{
		"good":   {behaviour: wellBehaved(good)},
		"absent": {behaviour: func(int, *hello.ClientHello) answered { return answered{absent: true} }, none: true},
		"silent": {behaviour: func(int, *hello.ClientHello) answered { return answered{silent: true} }, none: true},
		"falls silent": {behaviour: func(n int, client *hello.ClientHello) answered {
			if n < 4 && client != nil {
				return good.answer(n, client)
			}
			return answered{silent: true}
		}, none: true},
		"refuses": {behaviour: func(int, *hello.ClientHello) answered { return handshakeFailure }, none: true},
		"closes":  {behaviour: func(int, *hello.ClientHello) answered { return closes }, none: true},
		"garbage": {behaviour: func(int, *hello.ClientHello) answered {
			return answered{bytes: slices.Repeat([]byte{22, 3, 3, 0, 1}, 99)}
		}, none: true},
		"goes away": {behaviour: func(n int, client *hello.ClientHello) answered {
			if n < 4 && client != nil {
				return good.answer(n, client)
			}
			return answered{absent: n >= 4}
		}, fails: true},
	} {
		synctest.Test(t, func(t *testing.T) {
			got, err := (&Enumerator{Dial: dial(test.behaviour)}).JARM(t.Context(), "a.test")
			if (err != nil) != test.fails || (got == NoJARM) != test.none || err == nil && len(got) != len(known) {
				t.Errorf("%s: %q, %v", name, got, err)
			}
		})
	}
}

func TestJARMParts(t *testing.T) {
	list := []uint16{1, 2, 3, 4, 5}
	if got := topHalf(list); !slices.Equal(got, []uint16{3, 2, 1}) {
		t.Errorf("top half %v", got)
	}
	if got := middleOut(list); !slices.Equal(got, []uint16{3, 4, 2, 5, 1}) {
		t.Errorf("middle out %v", got)
	}
	if len(jarmSuites) != 69 || len(jarmOrder) != 69 || len(jarmProbes) != 10 {
		t.Errorf("%d suites, %d in order, %d probes", len(jarmSuites), len(jarmOrder), len(jarmProbes))
	}
}

// FuzzReadJARM: whatever a server sends gives a JARM of the right form.
func FuzzReadJARM(f *testing.F) {
	f.Add(modern().flight(versionTLS12, 0xC02F, 0x1D))
	f.Add(modern().flight(versionTLS13, 0x1301, 0x1D))
	f.Add([]byte{21, 3, 3, 0, 2, 2, 40})
	f.Fuzz(func(t *testing.T, data []byte) {
		a := readJARM(data)
		if got := hashJARM(slices.Repeat([]jarmAnswer{a}, 10)); len(got) != len(NoJARM) || (got == NoJARM) == a.answered {
			t.Errorf("%q", got)
		}
	})
}

func TestJA3S(t *testing.T) {
	// MD5 of "771,49200,65281-23", by md5sum.
	const want = "fd4bc6cea4877646ccd62f0792ec0b62"
	for _, version := range []uint16{versionTLS12, versionTLS13} {
		if got := HashJA3S(&hello.Result{Version: version, CipherSuite: 0xC030, Extensions: []uint16{65281, 23}}); got != want {
			t.Errorf("%#x: %s", version, got)
		}
	}
}

func TestJA3(t *testing.T) {
	h := &hello.ClientHello{Offer: hello.Offer{
		Version: versionTLS12, CipherSuites: []uint16{0x2A2A, 0x1301, 0xC02B}, Groups: []uint16{0xFAFA, 29, 23},
		Extensions: []hello.Extension{{Type: 0x1A1A}, {Type: 0}, {Type: extensionPointFormats, Data: []byte{1, 0}}, {Type: 10}},
	}}
	// MD5 of "771,4865-49195,0-11-10,29-23,0", by md5sum.
	if got := HashJA3(h); got != "34a400d45bba9874667caa8dd9a3efd1" {
		t.Error(got)
	}
}
