package proxy

import (
	"context"
	"errors"
	"net"
	"net/url"

	"golang.org/x/net/proxy"
)

// connectSOCKS asks a SOCKS5 proxy on conn for a connection (RFC 1928, RFC 1929).
func connectSOCKS(ctx context.Context, conn net.Conn, user *url.Userinfo, address string) error {
	var auth *proxy.Auth
	if user != nil {
		password, _ := user.Password()
		auth = &proxy.Auth{User: user.Username(), Password: password}
	}
	socks, err := proxy.SOCKS5("tcp", "", auth, nil)
	if err != nil {
		return err
	}
	on, ok := socks.(interface {
		DialWithConn(ctx context.Context, c net.Conn, network, address string) (net.Addr, error)
	})
	if !ok {
		return errors.New("golang.org/x/net/proxy takes no connection")
	}
	heard := &hearing{Conn: conn}
	if _, err := on.DialWithConn(ctx, heard, "tcp", address); err != nil {
		return heard.explain(err)
	}
	return nil
}

// hearing keeps the first bytes that a proxy says, since package proxy returns
// its words for a reply, and not the reply.
type hearing struct {
	net.Conn
	heard []byte
}

// maxHeard is the longest that is told: the choice of a method, the answer to
// credentials, and the reply.
const maxHeard = 8

func (h *hearing) Read(p []byte) (int, error) {
	n, err := h.Conn.Read(p)
	if room := maxHeard - len(h.heard); room > 0 {
		h.heard = append(h.heard, p[:min(n, room)]...)
	}
	return n, err
}

// The bytes that RFC 1928 §3 and §6 and RFC 1929 §2 name.
const (
	versionSOCKS      = 5
	methodPassword    = 2
	methodNone        = 0xff
	replyNotAllowed   = 2
	replyNetwork      = 3
	replyHost         = 4
	replyRefused      = 5
	replyTTL          = 6
	lengthOfMethod    = 2
	lengthOfAuthReply = 2
)

// explain returns what the proxy said, or err if it said nothing that counts.
func (h *hearing) explain(err error) error {
	said := h.heard
	if len(said) < lengthOfMethod {
		return err
	}
	if said[0] != versionSOCKS {
		return failure(Unreachable, "what answered is not a SOCKS5 proxy")
	}
	method := said[1]
	if said = said[lengthOfMethod:]; method == methodNone {
		return failure(Auth, "the proxy wants credentials: write them before its host, socks5://USER:PASSWORD@HOST:PORT")
	}
	if method == methodPassword {
		if len(said) < lengthOfAuthReply {
			return err
		}
		if said[1] != 0 {
			return failure(Auth, "the proxy takes other credentials")
		}
		said = said[lengthOfAuthReply:]
	}
	if len(said) < 2 {
		return err
	}
	switch said[1] {
	case 0:
		return err
	case replyNotAllowed:
		return failure(Refused, "the proxy's rules do not allow it")
	case replyNetwork, replyHost, replyTTL:
		return failure(TargetUnreachable, "the proxy has no way there (reply %d)", said[1])
	case replyRefused:
		return failure(TargetRefused, "connection refused, says the proxy")
	}
	return failure(Failed, "the proxy failed (reply %d)", said[1])
}
