package queue

import (
	"fmt"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// window bounds what an encoder remembers, and with it its memory and that of
// whoever reads it. Records repeat within a few of them.
const window = 1 << 20

// maxBatch bounds a batch of targets when it is not compressed any longer.
const maxBatch = 64 << 20

var encoder = sync.OnceValue(func() *zstd.Encoder {
	// One at a time: the scan has the other processors.
	e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedDefault), zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(window))
	if err != nil {
		panic(err) // the options are constant
	}
	return e
})

// compress appends to b one frame with data. Frames may follow each other.
func compress(b, data []byte) []byte { return encoder().EncodeAll(data, b) }

var decoder = sync.OnceValue(func() *zstd.Decoder {
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxBatch))
	if err != nil {
		panic(err)
	}
	return d
})

// decompressBatch returns what compress was given.
func decompressBatch(data []byte) ([]byte, error) {
	plain, err := decoder().DecodeAll(data, nil)
	if err != nil {
		return nil, fmt.Errorf("a batch of targets: %w", err)
	}
	return plain, nil
}
