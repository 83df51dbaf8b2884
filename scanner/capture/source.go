package capture

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// ErrNoCapture is wrapped by the error of a file that is no packet capture.
var ErrNoCapture = errors.New("no packet capture")

// ErrCut is wrapped by the error of a capture that ends within a packet, or that
// cannot be read on from one.
var ErrCut = errors.New("the capture is cut short")

// packet is one of a capture, good until the next is read.
type packet struct {
	data   []byte
	length int // on the wire, which may be more than was captured
	time   time.Time
	link   layers.LinkType
}

// source is a capture file: pcap or pcapng.
type source interface {
	// next reads a packet. The error is io.EOF after the last.
	next(p *packet) error
}

const (
	readBuffer = 256 << 10
	// maxWindow bounds what a zstd frame may have the decoder hold; level 19 asks
	// for 8 MiB.
	maxWindow = 32 << 20
)

// The magic numbers of what is read, as they stand in a file.
const (
	magicGzip   = "\x1f\x8b"
	magicZstd   = "\x28\xb5\x2f\xfd"
	magicPcapng = "\x0a\x0d\x0d\x0a"
)

// foreign has files that people take for captures.
var foreign = []struct{ magic, what string }{
	{"BZh", "compressed with bzip2: decompress it (bzcat FILE | certsweep pcap -)"},
	{"\xfd7zXZ", "compressed with xz: decompress it (xzcat FILE | certsweep pcap -)"},
	{"\x04\x22\x4d\x18", "compressed with lz4: decompress it (lz4cat FILE | certsweep pcap -)"},
	{"PK\x03\x04", "a zip archive: take the capture out of it (unzip -p)"},
	{"snoop\x00", "a snoop capture: convert it (editcap -F pcapng)"},
	{"\x34\xcd\xb2\xa1", "a pcap of Kuznetzov's patched libpcap: convert it (editcap -F pcapng)"},
	{"\xa1\xb2\xcd\x34", "a pcap of Kuznetzov's patched libpcap: convert it (editcap -F pcapng)"},
	{"{", "text: a list of targets is scanned without the word pcap"},
}

// open begins a capture, whatever it is compressed with. Secrets that it holds go
// to keys.
func open(r io.Reader, keys *KeyLog) (source, func(), error) {
	in := bufio.NewReaderSize(r, readBuffer)
	closed := func() {}
	first, err := in.Peek(4)
	switch {
	case len(first) >= 2 && string(first[:2]) == magicGzip:
		unzipped, zerr := gzip.NewReader(in)
		if zerr != nil {
			return nil, closed, fmt.Errorf("%w: gzip: %w", ErrCut, zerr)
		}
		in = bufio.NewReaderSize(unzipped, readBuffer)
		first, err = in.Peek(4)
	case string(first) == magicZstd:
		unzipped, zerr := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
		if zerr != nil {
			return nil, closed, zerr
		}
		closed = unzipped.Close
		in = bufio.NewReaderSize(unzipped, readBuffer)
		first, err = in.Peek(4)
	}
	s, err := openPlain(in, first, err, keys)
	return s, closed, err
}

func openPlain(in *bufio.Reader, first []byte, err error, keys *KeyLog) (source, error) {
	switch {
	case err == io.EOF && len(first) == 0:
		return nil, fmt.Errorf("%w: it is empty", ErrNoCapture)
	case err != nil && err != io.EOF:
		return nil, fmt.Errorf("%w: %w", ErrCut, err)
	case string(first) == magicPcapng:
		return &pcapng{in: in, keys: keys}, nil
	case err == nil && isPcap(first):
		r, err := pcapgo.NewReader(in)
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return nil, fmt.Errorf("%w: within its header", ErrCut)
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrNoCapture, err)
		}
		return &pcap{r}, nil
	}
	for _, known := range foreign {
		if begin, _ := in.Peek(len(known.magic)); string(begin) == known.magic {
			return nil, fmt.Errorf("%w but %s", ErrNoCapture, known.what)
		}
	}
	return nil, fmt.Errorf("%w: it begins with %q", ErrNoCapture, first)
}

func isPcap(first []byte) bool {
	const microseconds, nanoseconds = 0xA1B2C3D4, 0xA1B23C4D
	little, big := binary.LittleEndian.Uint32(first), binary.BigEndian.Uint32(first)
	return little == microseconds || little == nanoseconds || big == microseconds || big == nanoseconds
}

// pcap is a capture in the format of libpcap.
type pcap struct{ r *pcapgo.Reader }

func (s *pcap) next(p *packet) error {
	data, info, err := s.r.ZeroCopyReadPacketData()
	switch {
	case err == io.EOF && info.CaptureLength == 0:
		return err
	case err == io.EOF || err == io.ErrUnexpectedEOF:
		// pcapgo has io.EOF too if a header is the last.
		return fmt.Errorf("%w: it ends within a packet", ErrCut)
	case err != nil:
		return fmt.Errorf("%w: %w", ErrCut, err)
	}
	*p = packet{data: data, length: info.Length, time: info.Timestamp, link: s.r.LinkType()}
	return nil
}

// Check reports whether r begins like a capture that a Reader reads. It reads no
// more than that takes. The error wraps [ErrNoCapture] or [ErrCut].
func Check(r io.Reader) error {
	_, closed, err := open(r, new(KeyLog))
	closed()
	return err
}
