//go:build linux

package main

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"certsweep/dialer/dialertest"
)

// The distance of the servers. Their network is one that is set aside for
// benchmarks (RFC 2544), in a name space of its own.
const (
	roundTrip       = 100 * time.Millisecond
	distantSelf     = "198.18.0.1"
	distantServers  = 8 // from 198.18.0.2 up
	distantDevice   = "distance0"
	distantMTU      = 1500
	distantInFlight = 1 << 16 // packets
)

// BenchmarkThroughput scans good servers at a distance of 100 ms, with and
// without draining: the ratio of the two figures is what a goodbye costs.
//
//	go test -run '^$' -bench Throughput -benchtime 3x ./cmd/certsweep
//
// It needs root, for a network of its own.
func BenchmarkThroughput(b *testing.B) {
	if err := exec.Command("unshare", "--net", "ip", "tuntap", "add", "dev", distantDevice, "mode", "tun").Run(); err != nil {
		b.Skip("cannot make a network: ", err)
	}
	farm := startFarm(b, "distant", "unshare", "--net")
	for _, inFlight := range []int{100, 500, 1000} {
		for _, drain := range []struct {
			name string
			args []string
		}{
			{"drain-on", nil},
			{"drain-off", []string{"--drain-timeout", "0"}},
		} {
			b.Run(fmt.Sprintf("%s/c=%d", drain.name, inFlight), func(b *testing.B) {
				farm.throughput(b, inFlight, drain.args)
			})
		}
	}
}

func (f *farmProcess) throughput(b *testing.B, inFlight int, args []string) {
	targets := 20 * inFlight
	args = append([]string{"-q", "-c", strconv.Itoa(inFlight), f.list(b, targets), "--trust", "none"}, args...)
	var cpu time.Duration
	for b.Loop() {
		cmd := pinned(b, "0", "certsweep", args...)
		cmd.Args = append([]string{"nsenter", "--net", "--target", strconv.Itoa(f.pid)}, cmd.Args...)
		cmd.Path, cmd.Err = exec.LookPath("nsenter")
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			b.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			b.Fatal(err)
		}
		ok, _ := countMatches(out, `"status":"ok"`)
		if err := cmd.Wait(); err != nil {
			b.Fatal(err)
		}
		if ok != targets {
			b.Fatalf("%d of %d targets are ok", ok, targets)
		}
		cpu += cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(b.N*targets)/b.Elapsed().Seconds(), "targets/s")
	b.ReportMetric(float64(cpu.Microseconds())/float64(b.N*targets), "cpu-µs/target")
}

// startDistant starts servers at a distance and returns their addresses.
func startDistant() ([]string, error) {
	if err := startDistance(); err != nil {
		return nil, err
	}
	bulk, err := dialertest.NewBulk(dialertest.NewCA("Root", dialertest.P256), 1000, 0, distantSelf+":0")
	if err != nil {
		return nil, err
	}
	var addresses []string
	addr := bulk.Addrs()[0]
	for range distantServers {
		addr = netip.AddrPortFrom(addr.Addr().Next(), addr.Port())
		addresses = append(addresses, addr.String())
	}
	return addresses, nil
}

// startDistance makes a network of addresses behind which this machine finds
// itself, half a round trip each way. What goes to one of them comes back as if
// that had sent it, so that a server on distantSelf is found at all of them. The
// kernel's own means, netem, is not in every kernel.
func startDistance() error {
	fd, err := syscall.Open("/dev/net/tun", syscall.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("/dev/net/tun: %w", err)
	}
	const (
		tunSetInterface = 0x400454ca // TUNSETIFF of linux/if_tun.h
		tunPackets      = 0x1001     // IFF_TUN|IFF_NO_PI
	)
	var request struct {
		name  [syscall.IFNAMSIZ]byte
		flags uint16
		_     [22]byte
	}
	copy(request.name[:], distantDevice)
	request.flags = tunPackets
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, uintptr(fd), tunSetInterface, uintptr(unsafe.Pointer(&request))); errno != 0 {
		return fmt.Errorf("making a network device: %w", errno)
	}
	for _, args := range [][]string{
		{"address", "add", distantSelf + "/24", "dev", distantDevice},
		{"link", "set", distantDevice, "mtu", strconv.Itoa(distantMTU), "txqueuelen", "10000", "up"},
	} {
		if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
			return fmt.Errorf("ip %v: %w: %s", args, err, out)
		}
	}
	packets := make(chan packet, distantInFlight)
	go sendPackets(fd, packets)
	go receivePackets(fd, packets)
	return nil
}

// packet is an IP packet on its way.
type packet struct {
	bytes []byte
	due   time.Time
}

func receivePackets(fd int, packets chan<- packet) {
	buf := make([]byte, distantMTU)
	for {
		n, err := syscall.Read(fd, buf)
		if err != nil {
			return
		}
		if n < 20 || buf[0]>>4 != 4 {
			continue
		}
		p := packet{make([]byte, n), time.Now().Add(roundTrip / 2)}
		copy(p.bytes, buf)
		// Source and destination change places, which leaves the checksums of
		// IPv4 and TCP as they are (RFC 791 §3.1).
		copy(p.bytes[12:16], buf[16:20])
		copy(p.bytes[16:20], buf[12:16])
		packets <- p
	}
}

func sendPackets(fd int, packets <-chan packet) {
	for p := range packets {
		if wait := time.Until(p.due); wait > 0 {
			time.Sleep(wait)
		}
		if _, err := syscall.Write(fd, p.bytes); err != nil {
			return
		}
	}
}
