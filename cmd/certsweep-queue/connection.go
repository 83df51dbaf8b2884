package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"certsweep/cmd/certsweep-queue/queue"
	"certsweep/cmd/internal/flags"
	"certsweep/cmd/internal/process"
	"certsweep/cmd/internal/scan"
)

// connection is how a command reaches the server, and which job it means.
type connection struct {
	url, creds, roots string
	job               string
	quiet             bool
}

func newConnection() connection { return connection{url: "nats://127.0.0.1:4222"} }

func (c *connection) flags() []flags.Flag {
	return []flags.Flag{
		{Name: "nats", Argument: "URL", To: &c.url, Group: groupServer, Common: scan.OfScan,
			Text: "NATS server; several with commas; tls://… for TLS", More: "User and password, or a token, may be in it: `nats://user:password@host:4222`."},
		{Name: "creds", Argument: "FILE", To: &c.creds, Group: groupServer, Kind: flags.File, Common: scan.OfScan, Brief: "credentials, or the seed of an NKey",
			Text: "a NATS credentials file (JWT and seed), or a file with the seed of a user's NKey (SU…)"},
		{Name: "nats-ca", Argument: "FILE", To: &c.roots, Group: groupServer, Kind: flags.File,
			Text: "PEM file of trusted roots for the server's certificate", Default: "the system's"},
	}
}

// jobFlag is --job.
func (c *connection) jobFlag(text string) flags.Flag {
	return flags.Flag{Name: "job", Argument: "NAME", To: &c.job, Group: groupJob, Common: scan.OfScan, Text: text}
}

func (c *connection) quietFlag(text string) flags.Flag {
	return flags.Flag{Name: "quiet", Shorthand: "q", To: &c.quiet, Group: groupJob, Text: text}
}

// checkJob refuses what is no name for a job.
func (c *connection) checkJob() error {
	if c.job == "" {
		return process.Usage("which job? Name it with --job")
	}
	if err := queue.CheckName(c.job); err != nil {
		return process.Usage("--job: %w", err)
	}
	return nil
}

// connect connects to the server. With wait, it waits for one that is not there.
func (c *connection) connect(ctx context.Context, e *environment, wait bool) (*queue.Client, error) {
	for flag, file := range map[string]string{"--creds": c.creds, "--nats-ca": c.roots} {
		if file == "" {
			continue
		}
		if _, err := os.Stat(file); err != nil {
			return nil, process.Usage("%s: %w", flag, err)
		}
	}
	host, _ := os.Hostname()
	client, err := queue.Connect(ctx, queue.Options{
		URL: c.url, Credentials: c.creds, Roots: c.roots, Wait: wait, Say: e.say,
		Name: fmt.Sprintf("%s %s %d", program, host, os.Getpid()),
	})
	switch {
	case err == nil:
		return client, nil
	case context.Cause(ctx) != nil:
		return nil, context.Cause(ctx)
	case errors.Is(err, queue.ErrRefused):
		return nil, process.Usage("%w\ngive others with --creds, or in --nats", err)
	case errors.Is(err, queue.ErrNotNATS):
		return nil, process.Usage("%w\nname one with --nats", err)
	}
	return nil, process.Fail(process.StatusIncomplete, fmt.Errorf("%w\nname one with --nats, or start one: %s serve --store DIR", err, program))
}

// ended returns the error of a command that was at work when ctx ended, or err.
func ended(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil && err != nil {
		return cause
	}
	var exit *process.Exit
	if err == nil || errors.As(err, &exit) {
		return err
	}
	status := process.StatusIncomplete
	if errors.Is(err, queue.ErrOther) || errors.Is(err, queue.ErrFormat) {
		status = process.StatusUsage
	}
	return process.Fail(status, err)
}
