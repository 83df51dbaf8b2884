package queue

import (
	"context"
)

// room looks ahead to the end of a store, so that a list does not take the room
// that the records of what was put already will need.
type room struct {
	batches int
	said    bool
}

// roomEvery is how many batches are put between two looks at the store.
const roomEvery = 64

// wait waits until there is room for another batch, of a list of which so many
// targets were put. A limit that the server does not tell is not heeded.
func (r *room) wait(ctx context.Context, j *Job, targets int) error {
	if r.batches++; r.batches%roomEvery != 1 {
		return nil
	}
	for wait := minPause; ; wait = min(2*wait, maxPause) {
		info, err := j.js.AccountInfo(ctx)
		if err != nil && !transient(err) {
			return err
		}
		if err == nil {
			limit := info.Limits.MaxStore
			if limit <= 0 {
				return nil
			}
			consumer, err := j.consumer(ctx)
			if err != nil {
				return err
			}
			state := consumer.CachedInfo()
			waiting := (int64(state.NumPending) + int64(state.NumAckPending) + roomEvery) * int64(j.Spec.BatchTargets)
			need := min(waiting, int64(targets)+roomEvery*int64(j.Spec.BatchTargets)) * recordBytes
			if free := limit - int64(info.Store); free > need || waiting <= roomEvery*int64(j.Spec.BatchTargets) && free > 0 {
				return nil
			} else if !r.said {
				r.said = true
				j.say("the store has %d MB left, and the records of what was put will take about %d MB: waiting; certsweep-queue collect --job %s --delete makes room",
					max(0, free)/1e6, need/1e6, j.Name)
			}
		}
		if pause(ctx, wait) != nil {
			return context.Cause(ctx)
		}
	}
}
