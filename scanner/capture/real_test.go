package capture

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"certsweep/results"
)

// relay is a loopback port whose connections go on to a server, after lines that
// it says itself, and are noted.
type relay struct {
	l    net.Listener
	mu   sync.Mutex
	said []*dialogue
	wait sync.WaitGroup
}

// exchange is a line of the client's, by its beginning, and the answer.
type exchange struct{ hear, answer string }

func newRelay(t *testing.T, to, greeting string, preamble []exchange) *relay {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{l: l}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			d := &dialogue{}
			r.mu.Lock()
			r.said = append(r.said, d)
			r.mu.Unlock()
			r.wait.Go(func() { r.serve(d, conn, to, greeting, preamble) })
		}
	}()
	t.Cleanup(func() { l.Close() })
	return r
}

func (r *relay) serve(d *dialogue, conn net.Conn, to, greeting string, preamble []exchange) {
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	client := heard{conn, d, true} // what is written to it, the server says
	if greeting != "" {
		client.Write([]byte(greeting))
	}
	for _, e := range preamble {
		var line []byte
		for b := make([]byte, 1); !bytes.HasPrefix(line, []byte(e.hear)) || e.answer != "S" && b[0] != '\n'; {
			if _, err := conn.Read(b); err != nil {
				return
			}
			if line = append(line, b[0]); b[0] == '\n' && !bytes.HasPrefix(line, []byte(e.hear)) {
				line = nil
			}
		}
		d.mu.Lock()
		d.all = append(d.all, said{false, line})
		d.mu.Unlock()
		client.Write([]byte(e.answer))
	}
	upstream, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer upstream.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		io.Copy(heard{upstream, d, false}, struct{ io.Reader }{conn})
		upstream.(*net.TCPConn).CloseWrite()
	}()
	io.Copy(struct{ io.Writer }{client}, upstream)
	conn.(*net.TCPConn).CloseWrite()
	<-done
}

// frames returns what was relayed, as connections to a port.
func (r *relay) frames(port string) (all []frame) {
	r.l.Close()
	r.wait.Wait()
	for i, d := range r.said {
		all = append(all, d.connection(fmt.Sprintf("192.0.2.7:%d", 40000+i), "198.51.100.9:"+port)...)
	}
	return all
}

func needs(t *testing.T, tools ...string) {
	t.Helper()
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed", tool)
		}
	}
}

// daemon runs a server until the test is over, and waits until it listens.
func daemon(t *testing.T, dir, addr, name string, args ...string) {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	in, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		cmd.Process.Kill()
		cmd.Wait()
	})
	for range 200 {
		if conn, err := net.Dial("tcp", addr); err == nil {
			conn.Close()
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("%s does not listen", name)
}

func freeAddr(t *testing.T) (addr, port string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ = net.SplitHostPort(l.Addr().String())
	return l.Addr().String(), port
}

// TestRealPrograms reads what openssl, GnuTLS, curl and nginx say to each other,
// with keys from SSLKEYLOGFILE; tshark, if it is there, sees the same leaves.
func TestRealPrograms(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it starts real servers")
	}
	needs(t, "openssl", "gnutls-serv", "gnutls-cli", "curl", "nginx")
	dir := t.TempDir()
	run := func(env, name string, args ...string) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		cmd := exec.CommandContext(ctx, name, args...)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), env)
		cmd.Stdin = strings.NewReader("Q\n")
		cmd.Run() // some end with an error when the other side closes
	}
	run("", "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-keyout", "key.pem", "-out", "cert.pem",
		"-subj", "/CN=real.example", "-addext", "subjectAltName=DNS:real.example")
	text, err := os.ReadFile(filepath.Join(dir, "cert.pem"))
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	sum := sha256.Sum256(block.Bytes)
	leaf := hex.EncodeToString(sum[:])

	opensslAddr, opensslPort := freeAddr(t)
	gnutlsAddr, gnutlsPort := freeAddr(t)
	nginxAddr, nginxPort := freeAddr(t)
	daemon(t, dir, opensslAddr, "openssl", "s_server", "-accept", opensslPort, "-cert", "cert.pem", "-key", "key.pem", "-quiet")
	daemon(t, dir, gnutlsAddr, "gnutls-serv", "--port", gnutlsPort, "--x509certfile", "cert.pem", "--x509keyfile", "key.pem", "--echo", "-q")
	conf := fmt.Sprintf("daemon off; master_process off; pid nginx.pid; error_log stderr; events {}\nhttp { access_log off; client_body_temp_path b; proxy_temp_path p; fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s;\n"+
		"server { listen 127.0.0.1:%s ssl; ssl_certificate %s/cert.pem; ssl_certificate_key %s/key.pem; ssl_protocols TLSv1.2 TLSv1.3; return 200 ok; } }\n", nginxPort, dir, dir)
	if err := os.WriteFile(filepath.Join(dir, "nginx.conf"), []byte(conf), 0o666); err != nil {
		t.Fatal(err)
	}
	daemon(t, dir, nginxAddr, "nginx", "-p", dir, "-c", "nginx.conf", "-e", "stderr")

	var all []frame
	var wants []string // starttls by connection
	log := filepath.Join(dir, "keys.log")
	env := "SSLKEYLOGFILE=" + log
	number := 0
	talk := func(to, greeting, starttls string, preamble []exchange, client func(addr, port string)) {
		r := newRelay(t, to, greeting, preamble)
		_, port, _ := net.SplitHostPort(r.l.Addr().String())
		client(r.l.Addr().String(), port)
		number++
		frames := r.frames(fmt.Sprint(1000 + number))
		for range r.said {
			wants = append(wants, starttls)
		}
		all = append(all, frames...)
	}
	for _, to := range []string{opensslAddr, gnutlsAddr, nginxAddr} {
		for _, version := range []string{"-tls1_2", "-tls1_3"} {
			talk(to, "", "", nil, func(addr, _ string) {
				run(env, "openssl", "s_client", "-connect", addr, "-servername", "real.example", version, "-keylogfile", log)
			})
		}
		talk(to, "", "", nil, func(_, port string) {
			run(env, "gnutls-cli", "--insecure", "--sni-hostname", "real.example", "-p", port, "127.0.0.1")
		})
	}
	talk(nginxAddr, "", "", nil, func(_, port string) {
		run(env, "curl", "-sk", "--resolve", "real.example:"+port+":127.0.0.1", "https://real.example:"+port+"/")
	})
	talk(opensslAddr, "220 ready ESMTP\r\n", "smtp", []exchange{{"EHLO", "250-hello\r\n250 STARTTLS\r\n"}, {"STARTTLS", "220 go\r\n"}}, func(addr, _ string) {
		run(env, "openssl", "s_client", "-starttls", "smtp", "-connect", addr, "-servername", "real.example", "-keylogfile", log)
	})
	talk(opensslAddr, "* OK ready\r\n", "imap", []exchange{{". CAPABILITY", "* CAPABILITY IMAP4rev1 STARTTLS\r\n. OK\r\n"}, {". STARTTLS", ". OK go\r\n"}}, func(addr, _ string) {
		run(env, "openssl", "s_client", "-starttls", "imap", "-connect", addr, "-servername", "real.example", "-keylogfile", log)
	})
	talk(opensslAddr, "", "postgres", []exchange{{string(postgresRequest), "S"}}, func(addr, _ string) {
		run(env, "openssl", "s_client", "-starttls", "postgres", "-connect", addr, "-servername", "real.example", "-keylogfile", log)
	})

	// Connections follow each other in the capture.
	for i := range all {
		all[i].at = start.Add(time.Duration(i) * time.Millisecond)
	}
	var keys KeyLog
	file, err := os.ReadFile(log)
	if err == nil {
		_, err = keys.Read(bytes.NewReader(file))
	}
	if err != nil {
		t.Fatal(err)
	}
	capture := pcapOf(t, 1, all)
	records, err := read(t, &Reader{Keys: &keys, Fingerprint: true}, capture)
	if err != nil || len(records) != len(wants) || len(records) < 13 {
		t.Fatalf("%d records of %d, %v", len(records), len(wants), err)
	}
	versions := make(map[string]int)
	for i, r := range records {
		if r.Status != results.StatusOK || leafOf(r) != leaf || !r.TLS.KeyProved || r.StartTLS != wants[i] || r.SNI != "real.example" {
			t.Errorf("connection %d: %+v, leaf %q, STARTTLS %q, SNI %q", i, r.Error, leafOf(r), r.StartTLS, r.SNI)
			continue
		}
		versions[r.TLS.Version]++
	}
	if versions["1.2"] == 0 || versions["1.3"] == 0 {
		t.Errorf("versions %v", versions)
	}
	tshark(t, dir, capture, log, records)
}

// tshark compares the leaves, and the fingerprints, with those that it sees.
func tshark(t *testing.T, dir string, capture []byte, log string, records []*results.Record) {
	if _, err := exec.LookPath("tshark"); err != nil {
		t.Log("tshark is not installed")
		return
	}
	name := filepath.Join(dir, "real.pcap")
	if err := os.WriteFile(name, capture, 0o666); err != nil {
		t.Fatal(err)
	}
	fields := func(filter string, fields ...string) (lines [][]string) {
		args := []string{"-r", name, "-o", "tls.keylog_file:" + log, "-o", "tcp.reassemble_out_of_order:TRUE", "-Y", filter, "-T", "fields"}
		for _, f := range fields {
			args = append(args, "-e", f)
		}
		out, err := exec.Command("tshark", args...).Output()
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(out)) {
			lines = append(lines, strings.Split(strings.TrimSuffix(line, "\n"), "\t"))
		}
		return lines
	}
	var seen, ours, ja3s, ourJA3S, ja3, ourJA3 []string
	for _, f := range fields("tls.handshake.type == 11", "tls.handshake.certificate") {
		first, _, _ := strings.Cut(f[0], ",")
		if first == "" {
			continue // of a client that has none
		}
		der, err := hex.DecodeString(strings.ReplaceAll(first, ":", ""))
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(der)
		seen = append(seen, hex.EncodeToString(sum[:]))
	}
	for _, r := range records {
		ours = append(ours, leafOf(r))
		ourJA3S = append(ourJA3S, r.Fingerprints.JA3S)
		ourJA3 = append(ourJA3, r.Capture.JA3)
	}
	if !slices.Equal(seen, ours) {
		t.Errorf("tshark has the leaves %v, we have %v", seen, ours)
	}
	for _, f := range fields("tls.handshake.type == 2", "tls.handshake.ja3s") {
		ja3s = append(ja3s, f[0])
	}
	for _, f := range fields("tls.handshake.type == 1", "tls.handshake.ja3") {
		ja3 = append(ja3, f[0])
	}
	if len(ja3) == len(ourJA3) && !slices.Equal(ja3, ourJA3) {
		t.Errorf("tshark has the JA3 %v, we have %v", ja3, ourJA3)
	}
	t.Logf("tshark has %d leaves and %d JA3S", len(seen), len(ja3s))
	if len(ja3s) == len(ourJA3S) && !slices.Equal(ja3s, ourJA3S) { // a HelloRetryRequest has one too
		t.Errorf("tshark has the JA3S %v, we have %v", ja3s, ourJA3S)
	}
}
