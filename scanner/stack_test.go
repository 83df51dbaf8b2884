//go:build !race

package scanner

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"
	"time"

	"certsweep/dialer"
	"certsweep/dialer/dialertest"
	"certsweep/results"
)

// maxFrames is how deep a worker's stack may be while its peer is silent, from
// the pool to the call of Probe. With the dialer's frames, crypto/tls's and the
// net package's on top it has to stay under 8 KiB: above that the collector
// cannot halve the 16 KiB that a worker needs then, nor the 32 KiB that ML-KEM's
// key generation takes.
const maxFrames = 3 << 10

// TestStackIsSmall measures stacks by their memory: a thousand workers that wait
// in Probe with as many bytes of frames above them as maxFrames leaves of 8 KiB
// must not have grown beyond it.
func TestStackIsSmall(t *testing.T) {
	const workers = 1000
	var waiting sync.WaitGroup
	waiting.Add(workers)
	release := make(chan struct{})
	s := Scanner{Workers: workers, Probe: func(ctx context.Context, _ dialer.Endpoint, _ *dialer.Handshake) error {
		deep(&waiting, release)
		return nil
	}}
	var before, during runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	go func() {
		waiting.Wait()
		runtime.ReadMemStats(&during)
		close(release)
	}()
	list := func(yield func(Target, error) bool) {
		for range workers {
			if !yield(Target{Line: 1, Endpoint: dialer.Endpoint{Host: "h", Port: 1}}, nil) {
				return
			}
		}
	}
	if err := s.Scan(t.Context(), list, func(*results.Record) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if each := (during.StackInuse - before.StackInuse) / workers; each > 9<<10 {
		t.Errorf("%d bytes of stack for each worker: the frames of the pool are above %d bytes", each, maxFrames)
	}
}

// deep waits with a frame of what the dialer, crypto/tls and the net package
// may take.
//
//go:noinline
func deep(waiting *sync.WaitGroup, release <-chan struct{}) byte {
	var frame [8<<10 - maxFrames - 1200]byte // 1200 for the guard and for waiting
	frame[len(frame)-1] = 1
	waiting.Done()
	<-release
	return frame[len(release)] + frame[len(frame)-1]
}

// TestStepsNeedHardlyAStack measures the stacks of peers that are silent in a fast
// scan: each has a goroutine whose stack has the least size there is.
func TestStepsNeedHardlyAStack(t *testing.T) {
	const targets = 1000
	silent, err := dialertest.NewSilent("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	d := &dialer.Dialer{Fast: true}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s := Scanner{Workers: targets, Probe: d.Probe, Begin: func(ctx context.Context, e *dialer.Endpoint, h *dialer.Handshake) Steps {
		if g := d.Begin(ctx, e, h); g != nil {
			return g
		}
		return nil
	}}
	addr := silent.Addrs()[0]
	if d.Begin(ctx, &dialer.Endpoint{Host: "::1", Port: 1}, new(dialer.Handshake)) == nil {
		t.Skip("connections are not waited for in steps on this system")
	}
	var before, during runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	measured := make(chan struct{})
	go func() {
		defer close(measured)
		defer cancel()
		for silent.Held() < targets && ctx.Err() == nil {
			time.Sleep(10 * time.Millisecond)
		}
		// What a stack was grown for at the beginning is given back.
		for range 3 {
			runtime.GC()
		}
		runtime.ReadMemStats(&during)
	}()
	list := func(yield func(Target, error) bool) {
		for range targets {
			if !yield(Target{Line: 1, Endpoint: dialer.Endpoint{Host: addr.Addr().String(), Port: addr.Port()}}, nil) {
				return
			}
		}
	}
	if err := s.Scan(ctx, list, func(*results.Record) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	<-measured
	each := int(during.StackInuse-before.StackInuse) / targets
	t.Logf("%d bytes of stack, %d of heap for each", each, int(during.HeapInuse-before.HeapInuse)/targets)
	if each > 3<<10 {
		t.Errorf("%d bytes of stack for each silent peer", each)
	}
}
