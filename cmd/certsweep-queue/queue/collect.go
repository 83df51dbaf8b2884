package queue

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/klauspost/compress/zstd"
	"github.com/nats-io/nats.go/jetstream"
)

// Collector reads the results of a job, each once. Job and Write must be set.
type Collector struct {
	Job *Job
	// Ordered has the results in the order of the list. Otherwise they come in that
	// in which they were done.
	Ordered bool
	// Follow waits until every batch has its result. Otherwise Collect ends with what
	// there is.
	Follow bool
	// Have reports whether the results of a batch were collected before. Nil has
	// none.
	Have func(path string) bool
	// Write is given the records of a batch as JSON Lines, and their number.
	Write func(path string, records int, lines []byte) error
	// Sync is called now and then, and at the end: when it returns nil, what was
	// written is safe. Nil does nothing.
	Sync func() error
	// Delete takes away from the server what is safe.
	Delete bool
	// Progress is told how many targets have been collected, of how many that are
	// known; total says that there will be no more of these.
	Progress func(targets, known int, total bool)

	index     *index
	collected map[string]bool
	elsewhere map[string]bool // what another collect has taken away
	targets   int
	known     int
	next      int // the list's batch that is next, in order
	unsafe    []removal
	decoder   *zstd.Decoder
	lines     bytes.Buffer
}

type removal struct {
	path string
	outcome
}

// syncEvery is how many batches may be unsafe.
const syncEvery = 64

// Missing says what of a job has no result.
type Missing struct {
	// Batches is how many of the list's batches there are, and Whole says that
	// these are all.
	Batches int
	Whole   bool
	// Paths are those without a result, and Targets how many targets they have.
	Paths   []string
	Targets int
	// Elsewhere is how many batches another collect has taken away.
	Elsewhere int
}

// Collect reads results until all are there or, without Follow, there are no
// more. It returns what is missing. If ctx is done it returns its cause; what was
// written is safe then too.
func (c *Collector) Collect(ctx context.Context) (*Missing, error) {
	c.index, c.collected, c.elsewhere, c.next = newIndex(), make(map[string]bool), make(map[string]bool), 1
	decoder, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(8*window), zstd.WithDecoderLowmem(true))
	if err != nil {
		return nil, err
	}
	defer decoder.Close()
	c.decoder = decoder
	err = c.Job.watch(ctx, watching{
		filter: indexed,
		each: func(h heading) error {
			c.note(h)
			if h.what == "end" {
				if c.index.end, err = c.Job.end(ctx); err != nil {
					return err
				}
			}
			if h.what == "result" && !c.Ordered {
				return c.take(ctx, h.path)
			}
			return nil
		},
		caughtUp: func() error {
			if c.Ordered {
				if err := c.advance(ctx); err != nil {
					return err
				}
			}
			if err := c.safe(ctx); err != nil {
				return err
			}
			c.report()
			if !c.Follow || c.index.whole() {
				return errEnough
			}
			return nil
		},
	})
	if failed := c.safe(context.WithoutCancel(ctx)); err == nil {
		err = failed
	}
	return c.missing(), err
}

// note puts a message to the index.
func (c *Collector) note(h heading) {
	if h.what == "work" && depth(h.path) == 0 {
		c.known += outcomeOf(h.header, 0).targets
	}
	c.index.add(h)
}

// take writes the result of a batch, if it is there and has records.
func (c *Collector) take(ctx context.Context, path string) error {
	o, ok := c.index.results[path]
	if !ok || o.kind == kindSplit || c.collected[path] {
		return nil
	}
	before := c.Have != nil && c.Have(path)
	if o.kind == kindCollected && !before {
		c.elsewhere[path] = true
		return nil
	}
	if !before {
		err := c.write(ctx, path, o)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			// Another collect was faster. What it left in its place comes as a message.
			c.index.remove(path)
			return nil
		}
		if err != nil {
			return err
		}
	}
	c.collected[path] = true
	c.targets += o.targets
	if o.kind == kindCollected {
		return nil
	}
	return c.drop(ctx, path, o)
}

// write reads a result and writes its records.
func (c *Collector) write(ctx context.Context, path string, o outcome) error {
	var packed io.Reader
	for wait := minPause; ; wait = min(2*wait, maxPause) {
		var err error
		if packed, err = c.Job.fetch(ctx, path, o.sequence); err == nil {
			break
		}
		if !transient(err) {
			return err
		}
		if pause(ctx, wait) != nil {
			return context.Cause(ctx)
		}
	}
	c.lines.Reset()
	if err := c.decoder.Reset(bufio.NewReader(packed)); err != nil {
		return fmt.Errorf("the result of batch %s: %w", path, err)
	}
	if _, err := c.lines.ReadFrom(c.decoder); err != nil {
		return fmt.Errorf("the result of batch %s: %w", path, err)
	}
	if n := bytes.Count(c.lines.Bytes(), []byte{'\n'}); n != o.records {
		return fmt.Errorf("the result of batch %s has %d records instead of %d", path, n, o.records)
	}
	return c.Write(path, o.records, c.lines.Bytes())
}

// drop notes that a result may be taken away when it is safe.
func (c *Collector) drop(ctx context.Context, path string, o outcome) error {
	c.unsafe = append(c.unsafe, removal{path, o})
	if len(c.unsafe) < syncEvery {
		return nil
	}
	return c.safe(ctx)
}

// safe makes what was written safe, and takes it away from the server if that is
// asked for.
func (c *Collector) safe(ctx context.Context) error {
	if len(c.unsafe) == 0 {
		return nil
	}
	if c.Sync != nil {
		if err := c.Sync(); err != nil {
			return err
		}
	}
	for _, r := range c.unsafe {
		if !c.Delete {
			break
		}
		if err := c.Job.remove(ctx, r.path, r.outcome); err != nil && !transient(err) {
			return fmt.Errorf("taking away what was collected: %w", err)
		}
	}
	c.unsafe = c.unsafe[:0]
	c.report()
	return nil
}

// advance writes what is next in the order of the list, as far as it is there.
func (c *Collector) advance(ctx context.Context) error {
	for {
		number := strconv.Itoa(c.next)
		if _, ok := c.index.results[number]; !ok {
			return nil
		}
		var err error
		whole := c.index.leaves(number, func(path string) bool {
			if _, ok := c.index.results[path]; !ok {
				return false
			}
			err = c.take(ctx, path)
			return err == nil
		})
		if err != nil || !whole {
			return err
		}
		c.next++
	}
}

func (c *Collector) report() {
	if c.Progress != nil {
		c.Progress(c.targets, c.known, c.index.end != nil)
	}
}

func (c *Collector) missing() *Missing {
	numbers := c.index.numbers()
	m := &Missing{
		Batches: len(numbers), Whole: c.index.end != nil && len(numbers) == c.index.end.Batches,
		Paths: c.index.missing(), Elsewhere: len(c.elsewhere),
	}
	for _, path := range m.Paths {
		m.Targets += c.index.size(path)
	}
	return m
}

// Summary is the paths of what is missing, shortened.
func (m *Missing) Summary() string {
	const most = 10
	if len(m.Paths) <= most {
		return strings.Join(m.Paths, " ")
	}
	return strings.Join(m.Paths[:most], " ") + fmt.Sprintf(" and %d more", len(m.Paths)-most)
}
