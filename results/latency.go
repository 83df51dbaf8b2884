package results

import "math"

// latencyStep is the ratio between the bounds of a bucket: percentiles are
// right to half of it, 2.5 %.
const latencyStep = 1.05

// latency counts durations in buckets that grow by a constant factor from 1 µs
// on, which holds every percentile of any number of them in a few kilobytes.
type latency struct {
	counts []int
	n      int
	max    float64 // milliseconds
}

func (l *latency) add(ms float64) {
	bucket := 0
	if us := ms * 1000; us > 1 {
		bucket = int(math.Ceil(math.Log(us) / math.Log(latencyStep)))
	}
	for len(l.counts) <= bucket {
		l.counts = append(l.counts, 0)
	}
	l.counts[bucket]++
	l.n++
	l.max = max(l.max, ms)
}

// percentile returns the duration in milliseconds that a share of them, from 0
// to 1, does not exceed; 0 without any.
func (l *latency) percentile(share float64) float64 {
	rank, seen := int(math.Ceil(share*float64(l.n))), 0
	for bucket, count := range l.counts {
		if seen += count; seen >= rank && count > 0 {
			middle := math.Pow(latencyStep, float64(bucket)-0.5) / 1000
			return min(math.Round(middle*1000)/1000, l.max)
		}
	}
	return 0
}

// Percentiles are those of a duration, in milliseconds, to 2.5 %; 0 where
// nothing was measured.
type Percentiles struct {
	P50 float64 `json:"p50"`
	P90 float64 `json:"p90"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

func (l *latency) percentiles() Percentiles {
	return Percentiles{P50: l.percentile(0.5), P90: l.percentile(0.9), P99: l.percentile(0.99), Max: l.max}
}
