package scan

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"

	"certsweep/cmd/internal/flags"
	"certsweep/dialer"
	"certsweep/results/revocation"
)

func (o *Options) revocationFlags() []flags.Flag {
	return []flags.Flag{
		{Name: "revocation", To: &o.Revocation, Group: GroupTrust,
			Text: "ask the issuers of trusted chains whether they have revoked a certificate: by the lists (CRLs) that the certificates name, or by OCSP",
			More: "Each list is fetched once an hour at most. This alone has certsweep connect to anything but targets and name servers; `--public-only`, `--resolver` and `--connect-timeout` hold for it too."},
	}
}

const (
	// maxRedirects is how often a list may be somewhere else.
	maxRedirects = 3
	// maxHeader bounds the head of an answer, in bytes.
	maxHeader = 16 << 10
	// entrySize is what a revoked certificate takes, and memoryPart the part of
	// --max-memory that these may have.
	entrySize  = 16
	memoryPart = 8
)

// checker returns who asks about revocation, or nil.
func (o *Options) checker(d *dialer.Dialer) *revocation.Checker {
	if !o.Revocation {
		return nil
	}
	c := &revocation.Checker{Fetch: fetcher(d)}
	if o.MaxMemory != 0 {
		c.MaxEntries = int(o.MaxMemory / memoryPart / entrySize)
	}
	return c
}

// fetcher returns a client of HTTP that connects as a Dialer does. It takes no
// proxy, keeps no connection and unpacks nothing.
func fetcher(d *dialer.Dialer) revocation.Fetch {
	client := &http.Client{
		Transport: &http.Transport{
			DialContext: func(ctx context.Context, _, address string) (net.Conn, error) {
				host, port, err := net.SplitHostPort(address)
				if err != nil {
					return nil, err
				}
				n, err := strconv.ParseUint(port, 10, 16)
				if err != nil {
					return nil, err
				}
				return d.DialTCP(ctx, host, uint16(n))
			},
			// What is fetched is signed. Verifying who sends it would ask for lists
			// again.
			TLSClientConfig:        &tls.Config{InsecureSkipVerify: true},
			DisableCompression:     true,
			DisableKeepAlives:      true,
			MaxResponseHeaderBytes: maxHeader,
		},
		CheckRedirect: func(r *http.Request, via []*http.Request) error {
			if len(via) > maxRedirects {
				return fmt.Errorf("more than %d redirects", maxRedirects)
			}
			return nil
		},
	}
	return func(ctx context.Context, url string, request []byte) (io.ReadCloser, error) {
		method := http.MethodGet
		if request != nil {
			method = http.MethodPost
		}
		r, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(request))
		if err != nil {
			return nil, err
		}
		r.Header.Set("User-Agent", "certsweep")
		if request != nil {
			r.Header.Set("Content-Type", "application/ocsp-request")
		}
		response, err := client.Do(r)
		if err != nil {
			return nil, bare(err)
		}
		switch {
		case response.StatusCode != http.StatusOK:
			err = fmt.Errorf("the answer is %s", response.Status)
		case response.Header.Get("Content-Encoding") != "":
			err = errors.New("the answer is compressed, unasked")
		default:
			return response.Body, nil
		}
		response.Body.Close()
		return nil, err
	}
}

// bare returns an error without the method and the URL that net/http puts before
// it.
func bare(err error) error {
	if inner := errors.Unwrap(err); inner != nil {
		return inner
	}
	return err
}
