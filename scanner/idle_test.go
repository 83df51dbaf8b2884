package scanner

import (
	"testing"
	"time"
)

// TestIdle: garbage is collected once the process waits, and not again before there
// is more of it.
func TestIdle(t *testing.T) {
	const busy, waiting = worthwhile, idleBytes / 2
	for name, test := range map[string]struct {
		inFlight  int
		allocates []uint64 // from one look to the next
		want      []int    // looks that collect
	}{
		"a burst, then nothing":           {manyInFlight, []uint64{busy, busy, waiting, waiting, waiting}, []int{2}},
		"a burst after the other":         {manyInFlight, []uint64{busy, busy, waiting, busy, busy, waiting}, []int{2, 5}},
		"busy all the time":               {manyInFlight, []uint64{busy, busy, busy, busy}, nil},
		"little by little":                {manyInFlight, []uint64{waiting, waiting, waiting, waiting}, nil},
		"few in flight":                   {manyInFlight - 1, []uint64{busy, busy, waiting, waiting}, nil},
		"it was collected in the burst":   {manyInFlight, []uint64{busy, busy, 0, waiting}, nil},
		"it was collected, and more came": {manyInFlight, []uint64{busy, 0, busy, busy, waiting}, []int{4}},
	} {
		t.Run(name, func(t *testing.T) {
			var flights flights
			for range test.inFlight {
				flights.begin(t.Context(), time.Minute)
			}
			var allocated, cycles uint64
			var got []int
			look := 0
			i := &idle{flights: &flights, read: func() (uint64, uint64) { return allocated, cycles }, collect: func() {
				got = append(got, look)
				cycles++
			}}
			for n, bytes := range test.allocates {
				look = n
				allocated += bytes
				if bytes == 0 {
					cycles++ // by itself
				}
				i.look()
			}
			if len(got) != len(test.want) {
				t.Fatalf("collected at %v, want %v", got, test.want)
			}
			for n := range got {
				if got[n] != test.want[n] {
					t.Errorf("collected at %v, want %v", got, test.want)
				}
			}
		})
	}
}
