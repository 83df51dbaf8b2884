package list

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

const (
	// maxLayers is how often a list may be packed: a text of UTF-16 that was
	// compressed, and compressed again.
	maxLayers = 4
	// maxWindow is the memory that a zstd frame may ask for, that of
	// zstd --long=27, the most that the zstd command unpacks unasked.
	maxWindow = 128 << 20
)

// decode unpacks what is compressed, and turns UTF-16 into UTF-8, by the first
// bytes. What comes out is as long as it is: it is read as a stream.
func decode(r io.Reader) (io.ReadCloser, error) {
	closers := closers{}
	for range maxLayers {
		buffered := bufio.NewReader(r)
		first, err := beginning(buffered)
		if err != nil {
			closers.Close()
			return nil, err
		}
		next, closer, err := unpack(buffered, first)
		if err != nil {
			closers.Close()
			return nil, err
		}
		r = next
		if closer != nil {
			closers = append(closers, closer)
		}
		if next == buffered {
			break
		}
	}
	return struct {
		io.Reader
		io.Closer
	}{r, closers}, nil
}

// beginning returns the first bytes, as few as tell what they are: more may not
// come for a while.
func beginning(r *bufio.Reader) (first []byte, err error) {
	for _, n := range []int{2, 6} {
		first, err = r.Peek(n)
		if err != nil || first[1] != 0 && !bytes.ContainsRune([]byte("\x00\x1f(B7P"), rune(first[0])) && first[0] < 0xfd {
			break
		}
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return first, err
}

// unpack returns r if it is not packed.
func unpack(r *bufio.Reader, first []byte) (io.Reader, func(), error) {
	begins := func(magic string) bool { return bytes.HasPrefix(first, []byte(magic)) }
	switch {
	case begins("\x1f\x8b"): // RFC 1952 §2.3.1
		unpacked, err := gzip.NewReader(r)
		if err != nil {
			return nil, nil, fmt.Errorf("damaged gzip: %w", err)
		}
		return named{unpacked, "gzip"}, nil, nil
	case begins("\x28\xb5\x2f\xfd"): // RFC 8878 §3.1.1
		// One goroutine's worth: a scan has better uses for the others.
		unpacked, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, nil, fmt.Errorf("damaged zstd: %w", err)
		}
		return named{unpacked, "zstd"}, unpacked.Close, nil
	case begins("BZh") && len(first) > 3 && '1' <= first[3] && first[3] <= '9':
		return named{bzip2.NewReader(r), "bzip2"}, nil, nil
	case begins("\xff\xfe"), len(first) > 3 && first[0] != 0 && first[1] == 0 && first[2] != 0 && first[3] == 0:
		return utf16(r, unicode.LittleEndian), nil, nil
	case begins("\xfe\xff"), len(first) > 3 && first[0] == 0 && first[1] != 0 && first[2] == 0 && first[3] != 0:
		return utf16(r, unicode.BigEndian), nil, nil
	case begins("\xfd7zXZ\x00"):
		return nil, nil, errors.New("compressed with xz: decompress it (xzcat)")
	case begins("PK\x03\x04"):
		return nil, nil, errors.New("a zip archive: take the list out of it (unzip -p)")
	case begins("7z\xbc\xaf\x27\x1c"):
		return nil, nil, errors.New("a 7-Zip archive: take the list out of it (7z x -so)")
	}
	return r, nil, nil
}

func utf16(r io.Reader, order unicode.Endianness) io.Reader {
	return transform.NewReader(r, unicode.UTF16(order, unicode.UseBOM).NewDecoder())
}

// named says of an error of r which format is damaged.
type named struct {
	r      io.Reader
	format string
}

func (n named) Read(p []byte) (int, error) {
	read, err := n.r.Read(p)
	if err != nil && err != io.EOF {
		err = fmt.Errorf("damaged %s: %w", n.format, err)
	}
	return read, err
}

type closers []func()

func (c closers) Close() error {
	for _, closer := range c {
		closer()
	}
	return nil
}
