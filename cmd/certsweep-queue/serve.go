package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"certsweep/cmd/certsweep-queue/server"
	"certsweep/cmd/internal/flags"
	"certsweep/cmd/internal/process"
	"certsweep/cmd/internal/scan"
)

// serveOptions holds the flags of serve.
type serveOptions struct {
	common
	store, listen, config string
	tokenFile, userFile   string
	nkeys                 []string
	open                  bool
	maxStore              flags.Size
	metrics               string
}

func (e *environment) serve() (*flags.Command, *common, func() error) {
	o := new(serveOptions)
	c := describe("serve", "certsweep-queue serve runs a NATS server with JetStream: what the other commands need, on one machine to begin with.")
	c.Usage = []flags.Line{{Text: "certsweep-queue serve --store DIR [flags]"}}
	c.Groups = []string{groupServer}
	c.Flags = append([]flags.Flag{
		{Name: "store", Argument: "DIR", To: &o.store, Group: groupServer, Kind: flags.Directory, Common: scan.OfScan, Text: "directory for the jobs; it is made if it is not there"},
		{Name: "listen", Argument: "HOST:PORT", To: &o.listen, Group: groupServer, Common: scan.OfScan, Default: server.DefaultListen,
			Text: "address to listen on", More: "One that is not loopback needs credentials, or `--open`."},
		{Name: "token-file", Argument: "FILE", To: &o.tokenFile, Group: groupServer, Kind: flags.File, Text: "file with the token that clients must give"},
		{Name: "user-file", Argument: "FILE", To: &o.userFile, Group: groupServer, Kind: flags.File, Text: "file with user:password, that clients must give"},
		{Name: "nkey", Argument: "KEY", To: (*flags.List)(&o.nkeys), Group: groupServer, Common: scan.OfScan, Brief: "public NKey of a user who may",
			Text: "public NKey (U…) of a user who may; repeatable"},
		{Name: "open", To: &o.open, Group: groupServer, Text: "let in whoever reaches the address, without credentials"},
		{Name: "config", Argument: "FILE", To: &o.config, Group: groupServer, Kind: flags.File,
			Text: "file in the NATS server's own language, for all else: TLS, accounts, clusters"},
		{Name: "max-store", Argument: "SIZE", To: &o.maxStore, Group: groupServer, Common: scan.OfScan, Default: "3/4 of what the disk has free", Brief: "maximum that the store may take",
			Text: "maximum that the store may take"},
		{Name: "metrics", Argument: "HOST:PORT", To: &o.metrics, Group: groupServer, Text: "serve metrics for Prometheus there"},
	}, o.common.flags(groupServer)...)
	c.Examples = []flags.Line{{Text: "certsweep-queue serve --store /var/lib/certsweep-queue"}}
	return c, &o.common, func() error { return o.run(e, c) }
}

func (o *serveOptions) run(e *environment, c *flags.Command) error {
	if args := c.Args(); len(args) > 0 {
		return process.Usage("serve takes no %q: name the store with --store", args[0])
	}
	if o.store == "" && o.config == "" {
		return process.Usage("where is the store to be? Name a directory with --store")
	}
	options := server.Options{
		Store: o.store, Listen: o.listen, Config: o.config, NKeys: o.nkeys, Open: o.open, MaxStore: int64(o.maxStore), Say: e.say,
	}
	var err error
	if options.Token, err = secret("--token-file", o.tokenFile); err != nil {
		return err
	}
	user, err := secret("--user-file", o.userFile)
	if err != nil {
		return err
	}
	if user != "" {
		var ok bool
		if options.User, options.Password, ok = strings.Cut(user, ":"); !ok || options.User == "" {
			return process.Usage("--user-file: %s must have user:password in its first line", o.userFile)
		}
	}
	s, err := server.Start(e.stop, options)
	switch {
	case errors.Is(err, server.ErrOpen):
		return process.Usage("%w: give --nkey, --token-file, --user-file or a --config with credentials, or --open", err)
	case err != nil && context.Cause(e.stop) == nil:
		return process.Fail(process.StatusIncomplete, fmt.Errorf("starting the server: %w", err))
	case err != nil:
		return context.Cause(e.stop)
	}
	defer s.Close()
	stopMetrics, err := serveMetrics(o.metrics, e, serverMetrics(s))
	if err != nil {
		return err
	}
	defer stopMetrics()
	e.sayf("serving %s", s.URL())
	select {
	case <-e.stop.Done():
		return context.Cause(e.stop)
	case <-s.Ended():
		return process.Fail(process.StatusIncomplete, errors.New("the server has ended by itself"))
	}
}

// secret returns the first line of a file.
func secret(flag, name string) (string, error) {
	if name == "" {
		return "", nil
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return "", process.Usage("%s: %w", flag, err)
	}
	line, _, _ := strings.Cut(string(data), "\n")
	if line = strings.TrimSpace(line); line == "" {
		return "", process.Usage("%s: %s is empty", flag, name)
	}
	return line, nil
}
