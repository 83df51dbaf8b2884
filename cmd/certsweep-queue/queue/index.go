package queue

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// index knows what became of every batch of a job. It takes memory by the batch.
type index struct {
	batches map[string]int     // their targets, by path
	results map[string]outcome // by path
	done    int                // targets that have their result
	failed  int                // targets that were given up
	end     *end
}

func newIndex() *index {
	return &index{batches: make(map[string]int), results: make(map[string]outcome)}
}

// indexed are the subjects that an index is made of.
var indexed = []string{"work.>", "result.>", "failed.>", "end"}

// add takes note of a message. What is in the end message, load brings.
func (x *index) add(h heading) {
	switch h.what {
	case "work":
		x.batches[h.path] = outcomeOf(h.header, 0).targets
	case "result":
		x.remove(h.path)
		o := outcomeOf(h.header, h.sequence)
		x.results[h.path] = o
		if o.kind != kindSplit {
			x.done += o.targets
		}
	case "failed":
		x.failed++
	}
}

// remove forgets a result.
func (x *index) remove(path string) {
	if o, ok := x.results[path]; ok && o.kind != kindSplit {
		x.done -= o.targets
	}
	delete(x.results, path)
}

// index reads what there is of the job.
func (j *Job) index(ctx context.Context) (*index, error) {
	x := newIndex()
	err := j.watch(ctx, watching{
		filter:   indexed,
		each:     func(h heading) error { x.add(h); return nil },
		caughtUp: func() error { return errEnough },
	})
	if err != nil {
		return nil, err
	}
	x.end, err = j.end(ctx)
	return x, err
}

// Follow tells progress how many targets of how many are done, and whether these
// are all, each time that this changes, until the job is done.
func (j *Job) Follow(ctx context.Context, progress func(done, known int, whole bool)) error {
	x, known := newIndex(), 0
	return j.watch(ctx, watching{
		filter: indexed,
		each: func(h heading) (err error) {
			x.add(h)
			if h.what == "work" && depth(h.path) == 0 {
				known += x.batches[h.path]
			}
			if h.what == "end" {
				x.end, err = j.end(ctx)
			}
			return err
		},
		caughtUp: func() error {
			progress(x.done, known, x.end != nil)
			if x.whole() {
				return errEnough
			}
			return nil
		},
	})
}

// leaves calls yield for the path of a batch, or if it was split, of the parts
// that have results of their own, in the order of the list.
func (x *index) leaves(path string, yield func(path string) bool) bool {
	if x.results[path].kind != kindSplit {
		return yield(path)
	}
	for _, half := range halves(path) {
		if !x.leaves(half, yield) {
			return false
		}
	}
	return true
}

// size is how many targets a batch has, as far as is known.
func (x *index) size(path string) int {
	if n, ok := x.batches[path]; ok {
		return n
	}
	// A half that nobody has put to work yet: its worker died over it.
	if i := strings.LastIndexByte(path, '.'); i >= 0 {
		whole := x.size(path[:i])
		if strings.HasSuffix(path, ".0") {
			return whole / 2
		}
		return whole - whole/2
	}
	return 0
}

// numbers are those of the list's batches, in order.
func (x *index) numbers() []int {
	var numbers []int
	for path := range maps.Keys(x.batches) {
		if depth(path) == 0 {
			numbers = append(numbers, batchNumber(path))
		}
	}
	slices.Sort(numbers)
	return numbers
}

// missing are the paths of what has no result yet, in the order of the list.
func (x *index) missing() []string {
	var missing []string
	for _, n := range x.numbers() {
		x.leaves(fmt.Sprint(n), func(path string) bool {
			if _, ok := x.results[path]; !ok {
				missing = append(missing, path)
			}
			return true
		})
	}
	return missing
}

// whole reports whether every target of the whole list has its result.
func (x *index) whole() bool { return x.end != nil && x.done == x.end.Targets }

// repair has batches scanned again that were done, but whose results the server
// does not have.
func (p *putter) repair() error {
	consumer, err := p.job.consumer(p.ctx)
	if err != nil {
		return err
	}
	if info := consumer.CachedInfo(); info.NumPending > 0 || info.NumAckPending > 0 {
		return nil
	}
	x, err := p.job.index(p.ctx)
	if err != nil || len(x.missing()) == 0 {
		return err
	}
	// A consumer that is made anew gives out everything, and workers look what is
	// done before they scan.
	if err := p.job.stream.DeleteConsumer(p.ctx, Consumer); err != nil {
		return err
	}
	p.report.Again = true
	_, err = p.job.consumer(p.ctx)
	return err
}
