package scan

import (
	"fmt"
	"io"
	"iter"
	"sync"

	"certsweep/results"
	"certsweep/scanner"
)

// Remarks are what there is to say of a list when it was read: which lines are no
// targets, and which were taken for something else than they say. The zero value
// has none.
type Remarks struct {
	mu       sync.Mutex // the scan's feeder reads, the command tells
	wrong    remark
	wildcard remark
	http     remark
	excluded int
}

// remark counts lines of a kind, and keeps the first.
type remark struct {
	count int
	first scanner.Target
	where string
}

func (r *remark) add(t *scanner.Target, where func() string) {
	if r.count == 0 {
		r.first, r.where = *t, where()
	}
	r.count++
}

// of passes lines on, and remarks upon them.
func (r *Remarks) of(lines iter.Seq2[scanner.Target, error], locate func(int) (string, int)) iter.Seq2[scanner.Target, error] {
	return func(yield func(scanner.Target, error) bool) {
		for t, err := range lines {
			if err == nil && (t.Err != nil || t.Note != "") {
				r.add(&t, locate)
			}
			if !yield(t, err) {
				return
			}
		}
	}
}

func (r *Remarks) add(t *scanner.Target, locate func(int) (string, int)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	where := func() string { return place(locate(t.Line)) }
	switch {
	case t.Err != nil:
		r.wrong.add(t, where)
	case t.Note == scanner.NoteWildcard:
		r.wildcard.add(t, where)
	case t.Note == scanner.NoteHTTP:
		r.http.add(t, where)
	}
}

func (r *Remarks) addExcluded(scanner.Target) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.excluded++
}

// place names a line of a file for a message.
func place(file string, number int) string {
	switch file {
	case "":
		return fmt.Sprintf("--target %d", number)
	case "-":
		file = "standard input"
	}
	return fmt.Sprintf("%s:%d", file, number)
}

// maxQuoted is how much of a line a remark repeats.
const maxQuoted = 60

// Tell writes a line for each kind of remark.
func (r *Remarks) Tell(w io.Writer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	quote := func(t *scanner.Target) string { return results.Visible(results.Shorten(t.Text, maxQuoted)) }
	if n := r.wrong.count; n > 0 {
		what := "1 line is not a target"
		if n > 1 {
			what = fmt.Sprintf("%d lines are not targets; the first", n)
		}
		fmt.Fprintf(w, "certsweep: %s: %s: %s: %s\n", what, r.wrong.where, quote(&r.wrong.first), results.Visible(r.wrong.first.Err.Error()))
	}
	if n := r.excluded; n > 0 {
		fmt.Fprintf(w, "certsweep: %s left out (--exclude)\n", plural(n, "target was", "targets were"))
	}
	if n := r.wildcard.count; n > 0 {
		t := &r.wildcard.first
		fmt.Fprintf(w, "certsweep: %s with *, asked for without it (%s: %s)\n", plural(n, "name", "names"), r.wildcard.where, quote(t))
	}
	if n := r.http.count; n > 0 {
		fmt.Fprintf(w, "certsweep: %s of http, scanned on port 443 or the port in the URL (%s: %s)\n", plural(n, "URL", "URLs"), r.http.where, quote(&r.http.first))
	}
}

func plural(n int, one, several string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, several)
}
