package hello

import (
	"bytes"
	"errors"
	"slices"
	"testing"
)

// TestFeedIsLinear: bytes move a few times, not once for each byte that comes
// after them, whether messages are taken at once or at the end; and what a
// reader holds is in proportion to what it was fed.
func TestFeedIsLinear(t *testing.T) {
	t.Parallel()
	long := cut(certificateMessage(bytes.Repeat([]byte{7}, 60_000)), 10_000)
	one := record(recordHandshake, message(TypeFinished, nil))
	short := bytes.Repeat(one, 10_000)
	for name, test := range map[string]struct {
		data    []byte
		backlog int // bytes fed before messages are taken, one in the time of one
	}{
		"long records, at once": {long, 0}, "long records, at the end": {long, len(long)},
		"short records, at once": {short, 0}, "short records, at the end": {short, len(short)},
		"short records, behind": {short, 32_000},
	} {
		var r Reader
		moved, messages, most := 0, 0, 0
		var buffer *byte
		for i, b := range test.data {
			start := r.records.start
			if err := r.Feed([]byte{b}); err != nil {
				t.Fatal(name, err)
			}
			if &r.records.buf[0] != buffer || r.records.start < start {
				buffer = &r.records.buf[0]
				moved += r.records.end - r.records.start
			}
			most = max(most, r.Held())
			if i >= test.backlog && i%len(one) == 0 {
				if _, err := r.Next(); err == nil {
					messages++
				}
			}
		}
		for _, err := r.Next(); err == nil; _, err = r.Next() {
			messages++
		}
		if messages != 1 && messages != 10_000 {
			t.Errorf("%s: %d messages", name, messages)
		}
		if moved > 3*len(test.data) {
			t.Errorf("%s: %d bytes moved of %d", name, moved, len(test.data))
		}
		if most > 4*len(test.data)+firstFeed {
			t.Errorf("%s: %d bytes held for %d", name, most, len(test.data))
		}
	}
}

// TestFeedAtTheCap: what was there before the cap is still returned, however
// it came.
func TestFeedAtTheCap(t *testing.T) {
	t.Parallel()
	one := record(recordHandshake, message(TypeFinished, make([]byte, 1000)))
	flood := bytes.Repeat(one, maxBytes/len(one)+1)
	for _, step := range []int{len(flood), 1 << 20, 1000, len(one)} {
		var r Reader
		var fed error
		messages := 0
		for part := range slices.Chunk(flood, step) {
			fed = r.Feed(part)
			for _, err := r.Next(); err == nil; _, err = r.Next() {
				messages++
			}
			if fed != nil {
				break
			}
		}
		if !errors.Is(fed, ErrTooLarge) || messages != maxBytes/len(one) {
			t.Errorf("in steps of %d: %d messages, %v", step, messages, fed)
		}
	}
}

// TestHeldBySmallReader: a capture has as many readers as connections.
func TestHeldBySmallReader(t *testing.T) {
	t.Parallel()
	var r Reader
	if r.Held() != 0 {
		t.Errorf("an empty reader holds %d bytes", r.Held())
	}
	if err := r.Feed([]byte{recordHandshake}); err != nil || r.Held() > 1024 {
		t.Errorf("a reader of one byte holds %d, %v", r.Held(), err)
	}
}
