// Package scan is what certsweep's commands share of a scan: its flags, the lists
// that are read, and the scanner that the flags describe.
package scan

import (
	"context"
	"crypto/tls"
	"errors"
	"iter"
	"time"

	"certsweep/cmd/internal/process"
	"certsweep/dialer"
	"certsweep/results/policy"
	"certsweep/scanner"
)

// ErrNoTargets ends a list without a target, which lines that make no sense are
// not. A shard or the rest of a list may well be empty, the list itself is never
// a success then.
var ErrNoTargets = process.Fail(process.StatusIncomplete, errors.New("no targets in the input"))

// NotEmpty ends a list that has none with ErrNoTargets.
func NotEmpty(targets iter.Seq2[scanner.Target, error]) iter.Seq2[scanner.Target, error] {
	return func(yield func(scanner.Target, error) bool) {
		empty := true
		for t, err := range targets {
			empty = empty && t.Err != nil
			if !yield(t, err) {
				return
			}
		}
		if empty {
			yield(scanner.Target{}, ErrNoTargets)
		}
	}
}

// KnownAttribute returns nil for an attribute that the policy gives a meaning
// to. A scan reads past these, so that one list serves both.
func KnownAttribute(key string) error {
	return policy.CheckAttribute(key, "sni", "starttls", "tag")
}

// Scanner builds the scanner that the flags describe, and the dialer it has.
func (o *Options) Scanner() (*scanner.Scanner, *dialer.Dialer, error) {
	config, err := o.tlsConfig()
	if err != nil {
		return nil, nil, err
	}
	verifier, err := o.Verifier()
	if err != nil {
		return nil, nil, err
	}
	if err := o.readExclusions(); err != nil {
		return nil, nil, err
	}
	connector, remoteNames, err := o.connector()
	if err != nil {
		return nil, nil, err
	}
	d := &dialer.Dialer{
		NetDialer:       connector,
		RemoteNames:     remoteNames,
		Config:          config,
		Resolver:        &dialer.Resolver{Servers: o.Resolvers, Network: o.network()},
		NoSNI:           o.NoSNI,
		PublicOnly:      o.PublicOnly,
		AllCertificates: o.AllCertificates,
		NoRescue:        o.NoRescue,
		Fast:            o.Fast,
		MaxRescues:      o.answers(),
		ConnectTimeout:  time.Duration(o.ConnectTimeout),
		DrainTimeout:    o.drain(),
		DrainBytes:      int64(o.DrainBytes),
		BeforeDrain:     scanner.Draining,
	}
	if o.exclusions != nil {
		d.Exclude = o.exclusions.ExcludesAddr
	}
	s := &scanner.Scanner{
		Probe:    d.Probe,
		Workers:  o.Concurrency,
		Timeout:  time.Duration(o.Timeout),
		Recorder: scanner.Recorder{Verifier: verifier, Chain: o.Chain, PEM: o.PEM},
		Retries:  o.Retries,
		Rate:     o.Rate,
		PerHost:  o.PerHost,

		Revocation: o.checker(d),
	}
	if o.Fast {
		s.Begin = func(ctx context.Context, e *dialer.Endpoint, h *dialer.Handshake) scanner.Steps {
			if g := d.Begin(ctx, e, h); g != nil {
				return g
			}
			return nil
		}
	}
	if o.AllIPs {
		s.Lookup = d.Lookup
	}
	o.Survey.apply(d, s)
	return s, d, nil
}

// tlsConfig is what is offered in a handshake.
func (o *Options) tlsConfig() (*tls.Config, error) {
	config := dialer.WideConfig()
	config.NextProtos = o.ALPN
	if o.MinTLS != 0 {
		config.MinVersion = uint16(o.MinTLS)
	}
	config.MaxVersion = uint16(o.MaxTLS)
	if o.NoPQ {
		config.CurvePreferences = dialer.ClassicGroups()
	}
	if o.Cert != "" {
		key := o.Key
		if key == "" {
			key = o.Cert
		}
		pair, err := tls.LoadX509KeyPair(o.Cert, key)
		if err != nil {
			return nil, process.Usage("--cert: %w", err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}
