package hello

import (
	"bytes"
	"compress/zlib"
	"fmt"
	"io"
	"sync"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
	"golang.org/x/crypto/cryptobyte"
)

// Algorithms of certificate compression, RFC 8879 §7.3.
const (
	compressionZlib   = 1
	compressionBrotli = 2
	compressionZstd   = 3
)

// maxDecompressed bounds the Certificate message in a compressed one, whatever
// length that announces: no chain comes near, and a few bytes can announce and
// make 16 MiB.
const maxDecompressed = 1 << 20

// zstdDecoder is shared, as it keeps buffers. It starts no goroutine, since only
// its DecodeAll is used.
var zstdDecoder = sync.OnceValues(func() (*zstd.Decoder, error) {
	return zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxMemory(maxDecompressed), zstd.WithDecoderMaxWindow(maxDecompressed))
})

// decompress returns the Certificate message that a CompressedCertificate message
// stands for (RFC 8879 §4), with its header. It makes no more than is announced,
// and nothing over maxDecompressed.
func decompress(m Message) (Message, error) {
	var algorithm uint16
	var length uint32
	var data cryptobyte.String
	s := cryptobyte.String(m.Body())
	if !s.ReadUint16(&algorithm) || !s.ReadUint24(&length) || !s.ReadUint24LengthPrefixed(&data) || !s.Empty() {
		return Message{}, protocolError("a CompressedCertificate message of %d bytes", len(m.Body()))
	}
	if length > maxDecompressed {
		return Message{}, fmt.Errorf("%w: a compressed certificate of %d bytes", ErrTooLarge, length)
	}
	header := []byte{TypeCertificate, byte(length >> 16), byte(length >> 8), byte(length)}
	var raw []byte
	var err error
	switch algorithm {
	case compressionZlib:
		var r io.ReadCloser
		if r, err = zlib.NewReader(bytes.NewReader(data)); err == nil {
			raw, err = readAtMost(header, r, length)
		}
	case compressionBrotli:
		raw, err = readAtMost(header, brotli.NewReader(bytes.NewReader(data)), length)
	case compressionZstd:
		var decoder *zstd.Decoder
		if decoder, err = zstdDecoder(); err == nil {
			raw, err = decoder.DecodeAll(data, header)
		}
	default:
		return Message{}, protocolError("a certificate compressed with algorithm %d", algorithm)
	}
	if err != nil {
		return Message{}, protocolError("a certificate that does not decompress: %v", err)
	}
	if len(raw)-handshakeHeaderSize != int(length) {
		return Message{}, protocolError("a compressed certificate that is not of the %d bytes announced", length)
	}
	return Message{Type: TypeCertificate, Raw: raw}, nil
}

// readAtMost appends what r has to b, and one byte more than length at most, which
// tells that there is more.
func readAtMost(b []byte, r io.Reader, length uint32) ([]byte, error) {
	buf := bytes.NewBuffer(b)
	_, err := buf.ReadFrom(io.LimitReader(r, int64(length)+1))
	return buf.Bytes(), err
}
