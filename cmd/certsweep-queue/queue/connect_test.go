package queue

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/nkeys"

	"certsweep/cmd/certsweep-queue/server"
)

// answering listens, and says something to whoever comes.
func answering(t *testing.T, banner string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() {
		l.Close()
		<-done
	})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			io.WriteString(c, banner)
			c.Close()
		}
	}()
	return "nats://" + l.Addr().String()
}

// TestConnectElsewhere: a port that is something else is told as that, at once,
// also by those who wait for a server.
func TestConnectElsewhere(t *testing.T) {
	t.Parallel()
	closed := answering(t, "")
	for name, banner := range map[string]string{
		"ssh": "SSH-2.0-OpenSSH_9.2\r\n", "smtp": "220 mail.test ESMTP\r\n", "http": "HTTP/1.1 400 Bad Request\r\n\r\n", "nothing": "", "redis": "-ERR unknown command\r\n",
	} {
		url := answering(t, banner)
		if _, err := Connect(t.Context(), Options{URL: url, Wait: true}); !errors.Is(err, ErrNotNATS) || !strings.Contains(err.Error(), url) {
			t.Errorf("%s: %v", name, err)
		}
	}
	_ = closed
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	url := "nats://user:secret@" + l.Addr().String()
	l.Close()
	if _, err := Connect(t.Context(), Options{URL: url}); err == nil || strings.Contains(err.Error(), "secret") || !strings.Contains(err.Error(), "no NATS server at nats://***@") {
		t.Error(err)
	}
	// Who waits goes on until it is told to end.
	ctx, cancel := context.WithCancel(t.Context())
	_, err = Connect(ctx, Options{URL: url, Wait: true, Say: func(string) { cancel() }})
	if err == nil {
		t.Error("connected to nothing")
	}
}

// TestCredentials: wrong ones are refused at once, right ones work.
func TestCredentials(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	user, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	other, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	seed := func(name string, key nkeys.KeyPair) string {
		data, err := key.Seed()
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, append(data, '\n'), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	public, err := user.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	start := func(o server.Options) string {
		o.Store, o.Listen = t.TempDir(), "127.0.0.1:0"
		s, err := server.Start(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.Close)
		return s.URL()
	}
	keyed, tokened, named := start(server.Options{NKeys: []string{public}}), start(server.Options{Token: "secret"}), start(server.Options{User: "u", Password: "p"})
	with := func(url, user string) string { return strings.Replace(url, "://", "://"+user+"@", 1) }
	for _, test := range []struct {
		name    string
		options Options
		ok      bool
	}{
		{"nkey", Options{URL: keyed, Credentials: seed("right", user)}, true},
		{"wrong nkey", Options{URL: keyed, Credentials: seed("wrong", other)}, false},
		{"no nkey", Options{URL: keyed}, false},
		{"token", Options{URL: with(tokened, "secret")}, true},
		{"wrong token", Options{URL: with(tokened, "guess")}, false},
		{"no token", Options{URL: tokened}, false},
		{"user", Options{URL: with(named, "u:p")}, true},
		{"wrong password", Options{URL: with(named, "u:q")}, false},
	} {
		test.options.Wait = true
		c, err := Connect(t.Context(), test.options)
		if test.ok != (err == nil) || !test.ok && !errors.Is(err, ErrRefused) {
			t.Errorf("%s: %v", test.name, err)
		}
		if c != nil {
			c.Close()
		}
	}
	nonsense := filepath.Join(dir, "nonsense")
	if err := os.WriteFile(nonsense, []byte("nothing\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{nonsense, filepath.Join(dir, "none")} {
		if _, err := Connect(t.Context(), Options{URL: keyed, Credentials: file, Wait: true}); err == nil {
			t.Errorf("%s will do", file)
		}
	}
}
