//go:build unix

package reach

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"certsweep/dialer"
	"certsweep/dialer/dialertest"
	"certsweep/dialer/proxy"
)

// proxies are real proxies, and how to start them with the credentials
// user:secret; without, those that can do so take none.
var proxies = map[string]func(t *testing.T, auth bool) string{
	"microsocks": func(t *testing.T, auth bool) string {
		addr := startServer(t, requireProgram(t, "microsocks"), func(addr netip.AddrPort) []string {
			args := []string{"-i", addr.Addr().String(), "-p", fmt.Sprint(addr.Port())}
			if auth {
				args = append(args, "-u", "user", "-P", "secret")
			}
			return args
		})
		return "socks5://" + addr.String()
	},
	"danted": func(t *testing.T, _ bool) string {
		path := requireProgram(t, "danted")
		file := filepath.Join(t.TempDir(), "danted.conf")
		return "socks5://" + startServer(t, path, func(addr netip.AddrPort) []string {
			freshFile(t, file, fmt.Sprintf(`logoutput: stderr
internal: %s port = %d
external: lo
socksmethod: none
clientmethod: none
client pass { from: 127.0.0.0/8 to: 0.0.0.0/0 }
socks block { from: 0.0.0.0/0 to: 127.0.0.9/32 }
socks pass { from: 127.0.0.0/8 to: 0.0.0.0/0 }
`, addr.Addr(), addr.Port()))
			return []string{"-f", file, "-p", filepath.Join(filepath.Dir(file), "pid")}
		}).String()
	},
	"tinyproxy": func(t *testing.T, auth bool) string {
		path := requireProgram(t, "tinyproxy")
		dir := t.TempDir()
		file, filter := filepath.Join(dir, "tinyproxy.conf"), filepath.Join(dir, "filter")
		freshFile(t, filter, "^127\\.0\\.0\\.9")
		return "http://" + startServer(t, path, func(addr netip.AddrPort) []string {
			text := fmt.Sprintf("Port %d\nListen %s\nTimeout 20\nAllow 127.0.0.1\nFilter \"%s\"\n", addr.Port(), addr.Addr(), filter)
			if auth {
				text += "BasicAuth user secret\n"
			}
			freshFile(t, file, text)
			return []string{"-d", "-c", file}
		}).String()
	},
}

// freshFile writes a file, over one that is there.
func freshFile(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestProxies: through each the certificate comes, by a name that only the proxy
// looks up; what it refuses or cannot do is its own failure, or the target's where
// it says so.
func TestProxies(t *testing.T) {
	farm, err := dialertest.Start("good")
	if err != nil {
		t.Fatal(err)
	}
	defer farm.Close()
	good := farm.Endpoint("good")
	dead := freePort(t).Port()
	for name, start := range proxies {
		t.Run(name, func(t *testing.T) {
			through := start(t, false)
			for _, test := range []struct {
				what     string
				endpoint dialer.Endpoint
				codes    []dialer.Code
			}{
				{"address", dialer.Endpoint{Host: "127.0.0.1", Port: good.Addr.Port(), ServerName: "good.test"}, nil},
				{"name", dialer.Endpoint{Host: "localhost", Port: good.Addr.Port(), ServerName: "good.test"}, nil},
				{"refused", dialer.Endpoint{Host: "127.0.0.1", Port: dead}, []dialer.Code{dialer.CodeRefused, dialer.CodeProxyFailed}},
				{"no name", dialer.Endpoint{Host: "no-such-name.invalid", Port: 443}, []dialer.Code{dialer.CodeUnreachable, dialer.CodeProxyFailed, dialer.CodeProxyUnreachable}},
				{"forbidden", dialer.Endpoint{Host: "127.0.0.9", Port: good.Addr.Port()}, []dialer.Code{dialer.CodeProxyRefused, dialer.CodeRefused}},
			} {
				h, err := probeThrough(t, through, test.endpoint)
				code := dialer.Code("")
				if e, ok := errors.AsType[*dialer.Error](err); ok {
					code = e.Code
					if isProxy := e.Phase == dialer.PhaseProxy; isProxy != strings.HasPrefix(string(code), "proxy_") || !isProxy && e.Phase != dialer.PhaseConnect {
						t.Errorf("%s: phase %s, code %s", test.what, e.Phase, e.Code)
					}
				}
				t.Logf("%s: %v", test.what, err)
				if test.codes == nil {
					if err != nil || len(h.Certificates) == 0 {
						t.Errorf("%s: %d certificates, %v", test.what, len(h.Certificates), err)
					}
					if test.what == "name" && h.Addr.Addr().IsValid() {
						t.Errorf("the address of a name that the proxy looked up is %v", h.Addr)
					}
					continue
				}
				if !slices.Contains(test.codes, code) {
					t.Errorf("%s: %v, want one of %v", test.what, err, test.codes)
				}
			}
		})
		if name == "danted" {
			// Its users are the system's.
			continue
		}
		t.Run(name+" with credentials", func(t *testing.T) {
			through := start(t, true)
			target := dialer.Endpoint{Host: "127.0.0.1", Port: good.Addr.Port(), ServerName: "good.test"}
			scheme, rest, _ := strings.Cut(through, "://")
			scheme += "://"
			if h, err := probeThrough(t, scheme+"user:secret@"+rest, target); err != nil || len(h.Certificates) == 0 {
				t.Errorf("with them: %v", err)
			}
			for _, without := range []string{through, scheme + "user:wrong@" + rest} {
				_, err := probeThrough(t, without, target)
				if e, ok := errors.AsType[*dialer.Error](err); !ok || e.Code != dialer.CodeProxyAuth || e.Phase != dialer.PhaseProxy {
					t.Errorf("%s: %v", without, err)
				}
			}
		})
	}
}

func probeThrough(t *testing.T, through string, e dialer.Endpoint) (h dialer.Handshake, err error) {
	t.Helper()
	u, err := proxy.Parse(through)
	if err != nil {
		t.Fatal(err)
	}
	// Its resolver asks nobody, or a name would be looked up here.
	d := &dialer.Dialer{NetDialer: &proxy.Dialer{URL: u}, RemoteNames: true, Resolver: &dialer.Resolver{Servers: []string{"127.0.0.1:1"}}}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	err = d.Probe(ctx, e, &h)
	return h, err
}
