//go:build unix

package dialer

import (
	"context"
	"fmt"
	"net"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// BenchmarkLookup looks up 20,000 names, no two the same, for 1,000 targets at
// a time. "lookups/s" is how many were answered in a second, "cpu-µs/lookup"
// the user and system time of one without that of the name server, which is a
// thread of this process:
//
//	go test -run '^$' -bench Lookup -benchtime 3x ./dialer
func BenchmarkLookup(b *testing.B) {
	const names, targets = 20000, 1000
	for _, delay := range []time.Duration{0, 50 * time.Millisecond} {
		b.Run(fmt.Sprintf("answer-after-%v", delay), func(b *testing.B) {
			addr, stop := startNameServer(b, delay)
			before := processTime(syscall.RUSAGE_SELF)
			for i := 0; b.Loop(); i++ {
				// A new Resolver has an empty cache.
				lookUp(b, &Resolver{Servers: []string{addr}}, targets, names)
			}
			spent := processTime(syscall.RUSAGE_SELF) - before - stop()
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(float64(spent.Microseconds())/float64(b.N*names), "cpu-µs/lookup")
			b.ReportMetric(float64(b.N*names)/b.Elapsed().Seconds(), "lookups/s")
		})
	}
}

// lookUp has a number of targets at a time wait for one name each. As in a
// scan, a shortage is none of the name's business.
func lookUp(b *testing.B, r *Resolver, targets, names int) {
	queue := make(chan string)
	var wg sync.WaitGroup
	for range targets {
		wg.Go(func() {
			for name := range queue {
				_, err := r.Lookup(context.Background(), name)
				for err != nil && lookupCode(err) == CodeShortage {
					_, err = r.Lookup(context.Background(), name)
				}
				if err != nil {
					b.Error(err)
				}
			}
		})
	}
	for i := range names {
		queue <- fmt.Sprintf("host-%d.bench.test", i)
	}
	close(queue)
	wg.Wait()
}

// startNameServer answers every question on a thread of its own, A with one
// address and AAAA with none. Stop returns the thread's time.
func startNameServer(b *testing.B, delay time.Duration) (addr string, stop func() time.Duration) {
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		b.Fatal(err)
	}
	conn.SetReadBuffer(4 << 20)
	spent := make(chan time.Duration)
	go func() {
		runtime.LockOSThread()
		const rusageThread = 1 // of this thread alone; Linux
		before := processTime(rusageThread)
		defer func() { spent <- processTime(rusageThread) - before }()
		buf := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			response := benchResponse(buf[:n])
			if delay == 0 {
				conn.WriteToUDPAddrPort(response, from)
				continue
			}
			time.AfterFunc(delay, func() { conn.WriteToUDPAddrPort(response, from) })
		}
	}()
	return conn.LocalAddr().String(), func() time.Duration {
		conn.Close()
		return <-spent
	}
}

func benchResponse(query []byte) []byte {
	var p dnsmessage.Parser
	header, err := p.Start(query)
	if err != nil {
		return nil
	}
	q, err := p.Question()
	if err != nil {
		return nil
	}
	m := dnsmessage.NewBuilder(make([]byte, 0, 128), dnsmessage.Header{ID: header.ID, Response: true, RecursionAvailable: true})
	m.StartQuestions()
	m.Question(q)
	if q.Type == dnsmessage.TypeA {
		m.StartAnswers()
		m.AResource(dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class, TTL: 60}, dnsmessage.AResource{A: [4]byte{127, 0, 0, 1}})
	}
	response, _ := m.Finish()
	return response
}

func processTime(who int) time.Duration {
	var usage syscall.Rusage
	syscall.Getrusage(who, &usage)
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
