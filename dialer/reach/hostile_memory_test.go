//go:build unix

package reach

import (
	"context"
	"io"
	"net"
	"runtime"
	"runtime/metrics"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"certsweep/dialer"
	"certsweep/dialer/dialertest"
)

const (
	// floodPeers drip a Certificate message each, all at once.
	floodPeers = 500
	// floodMessage is what crypto/tls takes at most of one, 256 KiB.
	floodMessage = 256 << 10
	// floodHeap bounds the heap with all of them in flight, 2 MiB each. Measured
	// with two processors are 250 MiB where the messages never end, and 540 MiB
	// where all end at once: crypto/tls gathers a message in a buffer that
	// doubles, up to 512 KiB, and as much again is garbage before it is
	// collected; the certificates, 3 MiB a peer, are parsed when the message is
	// whole, as many at a time as there are processors.
	floodHeap = 1 << 30
)

// TestCertificateFlood holds the heap down while 500 peers send 256 KiB of
// certificates each, piece by piece: once without an end, so that all of it is
// held at the same time, and once to the end.
func TestCertificateFlood(t *testing.T) {
	if testing.Short() {
		t.Skip("sends 250 MB")
	}
	leaf := reachLeaf(dialertest.P256)
	size := len(leaf[0]) + 3
	chain := slices.Repeat(leaf[:1], (floodMessage-16)/size)
	message := slices.Concat(reachServerHello(0x0303, reachSuite12), reachCertificate(chain))
	done := dialertest.Record(reachRecordHandshake, 0x0303, dialertest.Message(reachTypeDone, nil))
	t.Run("without an end", func(t *testing.T) {
		floodProbe(t, message[:len(message)-1], nil, dialer.CodeCanceled, 0)
	})
	t.Run("to the end", func(t *testing.T) {
		floodProbe(t, message, done, dialer.CodeProtocol, len(chain))
	})
}

// floodProbe has all peers send message in pieces, and then wait for each
// other before they send what is at the end.
func floodProbe(t *testing.T, message, end []byte, code dialer.Code, certificates int) {
	const piece = 4 << 10
	var sent atomic.Int64
	all := make(chan struct{})
	server := dialertest.NewRaw(func(c net.Conn) {
		readReachHello(c)
		for part := range slices.Chunk(message, piece) {
			c.Write(dialertest.Record(reachRecordHandshake, 0x0303, part))
			runtime.Gosched() // the others' turn
		}
		if sent.Add(1) == floodPeers {
			close(all)
		}
		<-all
		c.Write(end)
		io.Copy(io.Discard, c)
	})
	defer server.Close()

	runtime.GC()
	watch := startHeapWatch()
	ctx, cancel := context.WithTimeout(t.Context(), 2*reachPatience)
	defer cancel()
	var d dialer.Dialer
	e := dialer.Endpoint{Host: server.Addr().Addr().String(), Port: server.Addr().Port(), ServerName: reachName}
	var probes sync.WaitGroup
	for range floodPeers {
		probes.Go(func() {
			h, err := probe(&d, ctx, e)
			if status := reachStatus(&h, err); status != string(code) || len(h.Certificates) != certificates {
				t.Errorf("%s (%v) with %d certificates, want %s with %d", status, err, len(h.Certificates), code, certificates)
			}
		})
	}
	<-all
	if end == nil {
		watch.wait(settled) // for the probes to read what was sent
		cancel()
	}
	probes.Wait()
	heap := watch.stop()
	t.Logf("the heap came to %d MiB", heap>>20)
	if heap > floodHeap {
		t.Errorf("more than %d MiB", floodHeap>>20)
	}
}

// heapWatch samples the size of the heap.
type heapWatch struct {
	samples chan struct{} // one for each
	ending  chan struct{}
	ended   chan struct{}
	peak    uint64
}

// settled is how many samples, of 10 ms each, reads from loopback may take.
const settled = 50

func startHeapWatch() *heapWatch {
	w := &heapWatch{samples: make(chan struct{}), ending: make(chan struct{}), ended: make(chan struct{})}
	go w.run()
	return w
}

func (w *heapWatch) run() {
	defer close(w.ended)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	for {
		select {
		case <-tick.C:
		case <-w.ending:
			return
		}
		metrics.Read(sample)
		w.peak = max(w.peak, sample[0].Value.Uint64())
		select {
		case w.samples <- struct{}{}:
		default:
		}
	}
}

// wait waits for that many samples.
func (w *heapWatch) wait(samples int) {
	for range samples {
		<-w.samples
	}
}

// stop ends the sampling and returns the greatest size.
func (w *heapWatch) stop() uint64 {
	close(w.ending)
	<-w.ended
	return w.peak
}
