package proxy

import (
	"bytes"
	"context"
	"encoding/base64"
	"net"
	"net/url"
	"strconv"
	"strings"
)

// maxStatus is how much is repeated of what a proxy says.
const maxStatus = 100

// The statuses that want credentials (RFC 9110 §15.5.2, §15.5.8).
const (
	statusUnauthorized = 401
	statusProxyAuth    = 407
)

// maxHeader bounds what an HTTP proxy says before the connection begins.
const maxHeader = 16 << 10

// connectHTTP asks an HTTP proxy on conn for a tunnel (RFC 9110 §9.3.6).
func connectHTTP(_ context.Context, conn net.Conn, user *url.Userinfo, address string) error {
	request := "CONNECT " + address + " HTTP/1.1\r\nHost: " + address + "\r\nUser-Agent: certsweep\r\n"
	if user != nil {
		password, _ := user.Password()
		request += "Proxy-Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(user.Username()+":"+password)) + "\r\n"
	}
	if _, err := conn.Write([]byte(request + "\r\n")); err != nil {
		return err
	}
	header, err := readHeader(conn)
	if err != nil {
		return err
	}
	code, status, ok := statusOf(header)
	switch {
	case !ok:
		return failure(Unreachable, "what answered is not an HTTP proxy")
	case code/100 == 2:
		return nil
	case code == statusProxyAuth || code == statusUnauthorized:
		if user == nil {
			return failure(Auth, "the proxy wants credentials (%d): write them before its host, http://USER:PASSWORD@HOST:PORT", code)
		}
		return failure(Auth, "the proxy takes other credentials (%d)", code)
	case code/100 == 4:
		return failure(Refused, "the proxy does not connect there: %s", status)
	}
	return failure(Failed, "the proxy could not connect: %s", status)
}

// statusOf reads the status line (RFC 9112 §4). status is the code with its
// reason, which is other people's text.
func statusOf(header []byte) (code int, status string, ok bool) {
	line, _, _ := strings.Cut(string(header), "\n")
	version, status, _ := strings.Cut(strings.TrimSpace(line), " ")
	number, _, _ := strings.Cut(status, " ")
	code, err := strconv.Atoi(number)
	return code, status[:min(len(status), maxStatus)], err == nil && len(number) == 3 && strings.HasPrefix(version, "HTTP/1.")
}

// readHeader reads to the empty line and no byte further: behind it a server may
// speak first.
func readHeader(conn net.Conn) ([]byte, error) {
	header := make([]byte, 0, 256)
	one := make([]byte, 1)
	for !bytes.HasSuffix(header, []byte("\r\n\r\n")) && !bytes.HasSuffix(header, []byte("\n\n")) {
		if len(header) == maxHeader {
			return nil, failure(Unreachable, "what answered is not an HTTP proxy: its header has no end")
		}
		if _, err := conn.Read(one); err != nil {
			if len(header) > 0 && !bytes.HasPrefix(header, []byte("HTTP/")[:min(len(header), 5)]) {
				return nil, failure(Unreachable, "what answered is not an HTTP proxy: %w", err)
			}
			return nil, err
		}
		header = append(header, one[0])
	}
	return header, nil
}
