package dialertest_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"certsweep/dialer/dialertest"
)

// opensslProtocols are those that openssl s_client knows by the same names. It
// knows imap, nntp and irc too, but wants capabilities that the fakes do not
// list, and gives up at an IRC server's notices.
var opensslProtocols = []string{"smtp", "lmtp", "ftp", "pop3", "sieve", "xmpp", "xmpp-server", "ldap", "postgres", "mysql"}

// TestStartTLSWithOpenSSL holds the fake servers to what another client makes
// of them, so that they cannot be wrong in the same way as ours.
func TestStartTLSWithOpenSSL(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("openssl is not installed")
	}
	for _, protocol := range opensslProtocols {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			server, shakes := countingServer(t, protocol, tls.VersionTLS13)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			cmd := exec.CommandContext(ctx, openssl, "s_client", "-starttls", protocol, "-connect", server.Addr().String(), "-name", "client.test")
			if strings.HasPrefix(protocol, "xmpp") {
				cmd.Args = append(cmd.Args, "-xmpphost", "starttls.test")
			}
			said, err := cmd.CombinedOutput() // standard input is empty: it leaves after the handshake
			if err != nil || shakes.Load() != 1 || !bytes.Contains(said, []byte("CN = starttls.test")) {
				t.Errorf("%d handshakes, %v (the server: %v)\n%s", shakes.Load(), err, server.Err(), said)
			}
		})
	}
}

// TestStartTLSWithFreeTDS does the same for the one protocol that openssl does
// not know and no free server speaks.
func TestStartTLSWithFreeTDS(t *testing.T) {
	tsql, err := exec.LookPath("tsql")
	if err != nil {
		t.Skip("FreeTDS (freetds-bin) is not installed")
	}
	server, shakes := countingServer(t, "tds", tls.VersionTLS12)
	config := filepath.Join(t.TempDir(), "freetds.conf")
	text := "[fake]\nhost = 127.0.0.1\nport = " + strconv.Itoa(int(server.Addr().Port())) + "\ntds version = 7.4\nencryption = require\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, tsql, "-S", "fake", "-U", "nobody", "-P", "nothing")
	cmd.Env = append(os.Environ(), "FREETDSCONF="+config)
	cmd.Stdin = strings.NewReader("exit\n")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	// It waits for an answer to its login, which nobody gives: the handshake is
	// what was asked for.
	select {
	case <-shakes.first:
	case <-ctx.Done():
		t.Errorf("no handshake (the server: %v)", server.Err())
	}
	cancel()
	cmd.Wait()
}

// handshakes counts those that a server has completed.
type handshakes struct {
	atomic.Int32
	first chan struct{}
}

func countingServer(t *testing.T, protocol string, version uint16) (*dialertest.StartTLSServer, *handshakes) {
	t.Helper()
	counted := &handshakes{first: make(chan struct{})}
	config := &tls.Config{
		Certificates: []tls.Certificate{dialertest.SelfSigned(dialertest.Leaf{CommonName: "starttls.test", DNSNames: []string{"starttls.test"}})},
		MaxVersion:   version,
		VerifyConnection: func(tls.ConnectionState) error {
			if counted.Add(1) == 1 {
				close(counted.first)
			}
			return nil
		},
	}
	server, err := dialertest.NewStartTLS(protocol, dialertest.StartTLSSuccess, config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	return server, counted
}
