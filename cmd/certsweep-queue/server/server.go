// Package server runs a NATS server with JetStream inside the process, for those
// who have none.
package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"

	"certsweep/cmd/internal/files"
)

// DefaultListen is where a server listens unless told otherwise.
const DefaultListen = "127.0.0.1:4222"

const (
	// maxPayload is the longest message: NATS's own default of 1 MiB would have
	// results with whole chains in parts.
	maxPayload = 8 << 20
	// syncInterval is how long what was written may be in the system's memory only.
	// A process that is killed loses nothing by it, a machine without power may.
	syncInterval = 10 * time.Second
	// readyTimeout is how long a server may take to read its store.
	readyTimeout = 10 * time.Minute
)

// Options says how to serve. Store must be set.
type Options struct {
	// Store is the directory that jobs are kept in.
	Store string
	// Listen is the address; empty means DefaultListen, port 0 one that is free.
	Listen string
	// Config is a file in the NATS server's own language, for everything else: TLS,
	// accounts, clusters. What it says of the store and the address, the fields
	// above replace if they are set.
	Config string
	// Token, User with Password, and NKeys (public ones, U…) are credentials that
	// clients need one of.
	Token, User, Password string
	NKeys                 []string
	// Open lets clients in without credentials that are not on this machine.
	Open bool
	// MaxStore is the most that the store may take, in bytes; 0 means three quarters
	// of what the disk has free.
	MaxStore int64
	// MaxPayload is the longest message; 0 means 8 MiB.
	MaxPayload int32
	// Say is told of what is wrong. Nil says nothing.
	Say func(string)
}

// Server is a running server.
type Server struct {
	nats  *natsserver.Server
	lock  *os.File
	ended chan struct{}
}

// ErrOpen says that a server would let everybody in.
var ErrOpen = errors.New("whoever reaches it could change the jobs")

// Start starts a server and waits until it is ready.
func Start(ctx context.Context, o Options) (*Server, error) {
	opts, err := o.options()
	if err != nil {
		return nil, err
	}
	s := &Server{ended: make(chan struct{})}
	if s.lock, err = lock(opts.StoreDir); err != nil {
		return nil, err
	}
	// The server would end the process.
	probe, err := net.Listen("tcp", net.JoinHostPort(opts.Host, strconv.Itoa(max(0, opts.Port))))
	if err != nil {
		s.lock.Close()
		return nil, err
	}
	probe.Close()
	if s.nats, err = natsserver.NewServer(opts); err != nil {
		s.lock.Close()
		return nil, err
	}
	log := &logger{say: o.Say}
	s.nats.SetLoggerV2(log, false, false, false)
	s.nats.Start()
	go func() {
		s.nats.WaitForShutdown()
		close(s.ended)
	}()
	for deadline := time.Now().Add(readyTimeout); !s.nats.ReadyForConnections(100 * time.Millisecond); {
		fatal := log.fatal.Load()
		if fatal != nil || ctx.Err() != nil || time.Now().After(deadline) {
			s.Close()
			switch {
			case fatal != nil:
				return nil, errors.New(*fatal)
			case ctx.Err() != nil:
				return nil, context.Cause(ctx)
			}
			return nil, fmt.Errorf("the server is not ready after %v", readyTimeout)
		}
	}
	s.limit(opts.JetStreamMaxStore)
	return s, nil
}

// options returns what the server is started with.
func (o *Options) options() (*natsserver.Options, error) {
	opts := &natsserver.Options{}
	if o.Config != "" {
		var err error
		if opts, err = natsserver.ProcessConfigFile(o.Config); err != nil {
			return nil, err
		}
	}
	if o.Store != "" {
		opts.StoreDir = o.Store
	}
	if opts.StoreDir == "" {
		return nil, errors.New("it needs a directory for the store")
	}
	if err := o.listenOn(opts); err != nil {
		return nil, err
	}
	opts.JetStream, opts.NoSigs, opts.NoLog = true, true, true
	if o.MaxPayload > 0 {
		opts.MaxPayload = o.MaxPayload
	}
	if opts.MaxPayload == 0 {
		opts.MaxPayload = maxPayload
	}
	if opts.SyncInterval == 0 {
		opts.SyncInterval = syncInterval
	}
	if o.MaxStore > 0 {
		opts.JetStreamMaxStore = o.MaxStore
	}
	if o.Token != "" {
		opts.Authorization = o.Token
	}
	if o.User != "" {
		opts.Username, opts.Password = o.User, o.Password
	}
	for _, key := range o.NKeys {
		if !strings.HasPrefix(key, "U") {
			return nil, fmt.Errorf("%q is not the public NKey of a user (U…)", key)
		}
		opts.Nkeys = append(opts.Nkeys, &natsserver.NkeyUser{Nkey: key})
	}
	if !o.Open && !asks(opts) && !loopback(opts.Host) {
		return nil, fmt.Errorf("%w at %s", ErrOpen, net.JoinHostPort(opts.Host, strconv.Itoa(opts.Port)))
	}
	return opts, nil
}

// listenOn sets the address at which the server listens.
func (o *Options) listenOn(opts *natsserver.Options) error {
	listen := o.Listen
	if listen == "" && o.Config == "" {
		listen = DefaultListen
	}
	if listen == "" {
		return nil
	}
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return err
	}
	if opts.Port, err = strconv.Atoi(port); err != nil || opts.Port < 0 || opts.Port > 65535 {
		return fmt.Errorf("%q is not a port", port)
	}
	if opts.Port == 0 {
		opts.Port = natsserver.RANDOM_PORT
	}
	if opts.Host = host; host == "" {
		opts.Host = natsserver.DEFAULT_HOST // all addresses
	}
	return nil
}

// asks reports whether the server asks for credentials.
func asks(o *natsserver.Options) bool {
	return o.Authorization != "" || o.Username != "" || len(o.Users)+len(o.Nkeys)+len(o.TrustedOperators)+len(o.TrustedKeys) > 0 ||
		o.AuthCallout != nil || o.TLSVerify
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// limit tells the clients what the store may take, so that they see it coming.
func (s *Server) limit(store int64) {
	if store == 0 {
		if config := s.nats.JetStreamConfig(); config != nil {
			store = config.MaxStore
		}
	}
	account := s.nats.GlobalAccount()
	if store <= 0 || !account.JetStreamEnabled() {
		return
	}
	// One less: the server counts the step from the -1 of no limit, and has no more
	// than store to give. If it refuses, clients learn of the limit when they meet it.
	_ = account.UpdateJetStreamLimits(map[string]natsserver.JetStreamAccountLimits{
		"": {MaxMemory: -1, MaxStore: store - 1, MaxStreams: -1, MaxConsumers: -1, MaxAckPending: -1, MemoryMaxStreamBytes: -1, StoreMaxStreamBytes: -1},
	})
}

// lock keeps a second server out of a store.
func lock(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(filepath.Join(dir, "certsweep-queue.lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if errors.Is(files.Lock(file), files.ErrLocked) {
		file.Close()
		return nil, fmt.Errorf("another server has %s", dir)
	}
	return file, nil
}

// URL is where clients on this machine reach the server.
func (s *Server) URL() string { return s.nats.ClientURL() }

// InProcessConn returns a connection to the server that needs no network. With it
// a Server is a [nats.CustomDialer] for nats.InProcessServer.
func (s *Server) InProcessConn() (net.Conn, error) { return s.nats.InProcessConn() }

// Ended is closed when the server has ended, by itself or by Close.
func (s *Server) Ended() <-chan struct{} { return s.ended }

// Close ends the server.
func (s *Server) Close() {
	s.nats.Shutdown()
	<-s.ended
	s.lock.Close()
}

// logger hands on what is wrong.
type logger struct {
	say   func(string)
	fatal atomic.Pointer[string]
}

func (l *logger) tell(format string, v ...any) {
	if l.say != nil {
		l.say(fmt.Sprintf(format, v...))
	}
}

func (l *logger) Noticef(string, ...any)         {}
func (l *logger) Debugf(string, ...any)          {}
func (l *logger) Tracef(string, ...any)          {}
func (l *logger) Warnf(format string, v ...any)  { l.tell(format, v...) }
func (l *logger) Errorf(format string, v ...any) { l.tell(format, v...) }
func (l *logger) Fatalf(format string, v ...any) {
	text := fmt.Sprintf(format, v...)
	l.fatal.CompareAndSwap(nil, &text)
}
