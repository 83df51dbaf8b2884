package exporter

import (
	"iter"
	"time"

	"certsweep/scanner"
)

// Spread yields targets at even distances, the first at once, so that all of them
// take every; 0 is all at once. It ends early when stop is closed.
func Spread(targets []scanner.Target, every time.Duration, stop <-chan struct{}) iter.Seq2[scanner.Target, error] {
	return func(yield func(scanner.Target, error) bool) {
		began := time.Now()
		timer := time.NewTimer(0)
		defer timer.Stop()
		for i, t := range targets {
			turn := time.Duration(float64(every) * float64(i) / float64(len(targets)))
			timer.Reset(turn - time.Since(began))
			select {
			case <-timer.C:
			case <-stop:
				return
			}
			if !yield(t, nil) {
				return
			}
		}
	}
}
