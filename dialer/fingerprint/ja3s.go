package fingerprint

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"net"
	"strings"

	"certsweep/dialer/hello"
)

// JA3S returns the JA3S fingerprint (github.com/salesforce/ja3) of the ServerHello
// that answers [hello.Hello13]: the MD5 of its version, its suite and the types of
// its extensions. If the server asks for another key share first, it is that of the
// ServerHello that follows. The error says why there is none. Dial, ServerName,
// ALPN, Turn and Limit are used. It blocks until ctx is done at the latest.
func (e *Enumerator) JA3S(ctx context.Context) (string, error) {
	r := &run{Enumerator: e, ctx: ctx}
	client := hello.Client{Offer: hello.Hello13(), ServerName: e.ServerName}
	client.Offer.ALPN = e.ALPN
	var got hello.Result
	_, err := r.connect(func(conn net.Conn) (err error) {
		got, err = client.Fetch(conn)
		return err
	})
	if got.Version == 0 {
		return "", err
	}
	return HashJA3S(&got), nil
}

// HashJA3S returns the JA3S fingerprint of the ServerHello that r has.
func HashJA3S(r *hello.Result) string {
	// The version is the one in the message itself, which TLS 1.3 does not have.
	version := min(r.Version, versionTLS12)
	types := make([]string, len(r.Extensions))
	for i, extension := range r.Extensions {
		types[i] = fmt.Sprint(extension)
	}
	sum := md5.Sum(fmt.Appendf(nil, "%d,%d,%s", version, r.CipherSuite, strings.Join(types, "-")))
	return hex.EncodeToString(sum[:])
}
