package server

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestOpen: a server that others can reach needs credentials, or a word.
func TestOpen(t *testing.T) {
	config := func(text string) string {
		name := filepath.Join(t.TempDir(), "nats.conf")
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	for _, test := range []struct {
		name    string
		options Options
		ok      bool
	}{
		{"default", Options{}, true},
		{"loopback", Options{Listen: "127.0.0.1:1"}, true},
		{"name", Options{Listen: "localhost:1"}, true},
		{"loopback 6", Options{Listen: "[::1]:1"}, true},
		{"all", Options{Listen: ":4222"}, false},
		{"all 4", Options{Listen: "0.0.0.0:4222"}, false},
		{"all 6", Options{Listen: "[::]:4222"}, false},
		{"address", Options{Listen: "192.0.2.1:4222"}, false},
		{"any name", Options{Listen: "queue.example:4222"}, false},
		{"word", Options{Listen: ":4222", Open: true}, true},
		{"token", Options{Listen: ":4222", Token: "x"}, true},
		{"user", Options{Listen: ":4222", User: "x", Password: "y"}, true},
		{"nkey", Options{Listen: ":4222", NKeys: []string{"UXXX"}}, true},
		{"config", Options{Config: config("port: 4222\n")}, false},
		{"config on loopback", Options{Config: config("listen: 127.0.0.1:4222\n")}, true},
		{"config with users", Options{Config: config("port: 4222\nauthorization { token: x }\n")}, true},
	} {
		test.options.Store = "x"
		if _, err := test.options.options(); test.ok != (err == nil) || err != nil && !errors.Is(err, ErrOpen) {
			t.Errorf("%s: %v", test.name, err)
		}
	}
	for _, o := range []Options{
		{}, {Store: "x", Listen: "nothing"}, {Store: "x", Listen: ":99999"}, {Store: "x", NKeys: []string{"SUXXX"}}, {Store: "x", Config: "/none"},
	} {
		if _, err := o.options(); err == nil {
			t.Errorf("%+v will do", o)
		}
	}
}

func TestStart(t *testing.T) {
	store := t.TempDir()
	s, err := Start(t.Context(), Options{Store: store, Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	// Neither its store nor its port is another's.
	if _, err := Start(t.Context(), Options{Store: store, Listen: "127.0.0.1:0"}); err == nil || !strings.Contains(err.Error(), "another server has") {
		t.Error(err)
	}
	address := strings.TrimPrefix(s.URL(), "nats://")
	if _, err := Start(t.Context(), Options{Store: t.TempDir(), Listen: address}); err == nil || !strings.Contains(err.Error(), "address already in use") {
		t.Error(err)
	}
	if c, err := net.Dial("tcp", address); err != nil {
		t.Error(err)
	} else {
		c.Close()
	}
	if state := s.State("workers"); state.StoreLimit == 0 {
		t.Errorf("%+v", state)
	}
	s.Close()
	select {
	case <-s.Ended():
	default:
		t.Error("it has not ended")
	}
	// What was there is there again.
	s, err = Start(t.Context(), Options{Store: store, Listen: address})
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
}
