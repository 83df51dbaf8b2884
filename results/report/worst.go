package report

import (
	"cmp"
	"container/heap"
	"math"
	"slices"

	"certsweep/results"
	"certsweep/results/policy"
)

// row is what the sorted formats keep of a verdict.
type row struct {
	level    policy.Level
	rank     int     // of the worst problem's code
	daysLeft float64 // to the certificate's end
	place    place
	endpoint string
	text     string

	// Only of a problem by itself.
	code policy.Code
	file string
	line int
}

// compare orders rows, the worst first.
func (r *row) compare(other *row) int {
	return cmp.Or(
		-cmp.Compare(r.level, other.level),
		cmp.Compare(r.rank, other.rank),
		cmp.Compare(r.daysLeft, other.daysLeft),
		r.place.compare(&other.place),
	)
}

// worst keeps the worst rows, no more than its limit, and counts the rest. It
// is a heap with the least bad row on top, the first to go.
type worst struct {
	limit int
	all   bool // those that are OK too
	rows  []row
	more  int // verdicts that are to be shown and not in rows
	seen  int
}

// add notes a verdict, if it is to be shown. The texts are only made for what is
// kept.
func (w *worst) add(v *policy.Verdict) {
	if v.Level == policy.OK && !w.all {
		return
	}
	problem := policy.Problem{Code: noProblem}
	if v.Level != policy.OK {
		problem = v.Problems[0]
	}
	w.keep(newRow(v, &problem), func(r *row) {
		r.endpoint, r.text = endpoint(v.Record), messages(v, "; ")
		if v.Level == policy.OK {
			r.text = passes(v)
		}
	})
}

// noProblem is ranked behind all codes that there are.
const noProblem policy.Code = ""

// passes says of an endpoint that is OK why it is, or what was let pass.
func passes(v *policy.Verdict) string {
	if v.Allowed() {
		return "allowed to be down: " + results.Visible(v.Problems[0].Message)
	}
	text := "passes"
	if days := daysLeft(v); days != "" {
		text = days + " days left"
	}
	if by := issuer(v); by != "" {
		text += ", issued by " + by
	}
	return text
}

func newRow(v *policy.Verdict, p *policy.Problem) row {
	r := row{place: placeOf(v, 0), level: p.Level, code: p.Code, rank: p.Code.Rank(), daysLeft: math.Inf(1)}
	if v.DaysLeft.Known {
		r.daysLeft = v.DaysLeft.Number
	}
	return r
}

// keep keeps a row, which is then filled, if it is among the worst.
func (w *worst) keep(r row, fill func(*row)) {
	w.seen++
	r.place.seen = w.seen
	if len(w.rows) >= w.limit {
		w.more++
		if r.compare(&w.rows[0]) > 0 {
			return
		}
		heap.Pop(w)
	}
	fill(&r)
	heap.Push(w, r)
}

// sorted returns the rows, the worst first. Nothing can be added after it.
func (w *worst) sorted() []row {
	slices.SortFunc(w.rows, func(a, b row) int { return a.compare(&b) })
	return w.rows
}

// Len, Less, Swap, Push and Pop are container/heap's.

func (w *worst) Len() int           { return len(w.rows) }
func (w *worst) Less(i, j int) bool { return w.rows[i].compare(&w.rows[j]) > 0 }
func (w *worst) Swap(i, j int)      { w.rows[i], w.rows[j] = w.rows[j], w.rows[i] }
func (w *worst) Push(x any)         { w.rows = append(w.rows, x.(row)) }
func (w *worst) Pop() any {
	last := w.rows[len(w.rows)-1]
	w.rows[len(w.rows)-1] = row{}
	w.rows = w.rows[:len(w.rows)-1]
	return last
}
