package queue

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
)

// Status says how a job stands. It is what status --json prints.
type Status struct {
	Job string `json:"job"`
	// Put says that the whole list is there.
	Put   bool     `json:"put"`
	Flags []string `json:"flags"`

	Targets Counts `json:"targets"`
	Batches Counts `json:"batches"`
	// Split counts the batches that were split since no worker survived them, and
	// Failed the targets that were given up.
	Split  int `json:"split"`
	Failed int `json:"failed"`
	// Collected counts the batches whose records a collect has taken away.
	Collected int `json:"collected"`
	// Lost are the batches that were done, and whose results the server has lost.
	Lost int `json:"lost"`
	// StoreBytes is what the job takes at the server.
	StoreBytes uint64 `json:"store_bytes"`

	// TargetsPerSecond is what the workers do together, SecondsLeft what it will take
	// if they go on like that, 0 if it cannot be said.
	TargetsPerSecond float64 `json:"targets_per_second"`
	SecondsLeft      float64 `json:"seconds_left"`
	// Workers are those that are at the job, the slowest first.
	Workers []WorkerStatus `json:"workers"`
}

// Counts are numbers of targets or batches.
type Counts struct {
	Total   int `json:"total"` // that were put up to now
	Waiting int `json:"waiting"`
	InWork  int `json:"in_work"`
	Done    int `json:"done"`
}

// WorkerStatus is what a worker says of itself.
type WorkerStatus struct {
	Name             string        `json:"name"`
	Since            float64       `json:"seconds"` // at this job
	Targets          int64         `json:"targets"` // done
	TargetsPerSecond float64       `json:"targets_per_second"`
	Batches          []BatchStatus `json:"batches"`
}

// BatchStatus is a batch that a worker has.
type BatchStatus struct {
	Batch   string  `json:"batch"`
	Seconds float64 `json:"seconds"` // since it was taken
	Targets int     `json:"targets"`
	Left    int64   `json:"left"`
	Tries   int     `json:"tries"`
}

// askTime is how long workers have to answer.
const askTime = 500 * time.Millisecond

// Done reports whether the whole list was put and all of it has results.
func (j *Job) Done(ctx context.Context) (bool, error) {
	consumer, err := j.consumer(ctx)
	if err != nil {
		return false, err
	}
	if info := consumer.CachedInfo(); info.NumPending > 0 || info.NumAckPending > 0 {
		return false, nil
	}
	// In this order: what was put before the end is pending or done by now.
	e, err := j.end(ctx)
	if err != nil || e == nil {
		return false, err
	}
	if consumer, err = j.consumer(ctx); err != nil {
		return false, err
	}
	info := consumer.CachedInfo()
	return info.NumPending == 0 && info.NumAckPending == 0, nil
}

// Status asks the server and the workers how the job stands.
func (j *Job) Status(ctx context.Context) (*Status, error) {
	x, err := j.index(ctx)
	if err != nil {
		return nil, err
	}
	return j.status(ctx, x)
}

// status makes a Status of an index.
func (j *Job) status(ctx context.Context, x *index) (*Status, error) {
	s := &Status{Job: j.Name, Put: x.end != nil, Flags: j.Spec.Flags, Failed: x.failed}
	if s.Flags == nil {
		s.Flags = []string{}
	}
	stream, err := j.stream.Info(ctx)
	if err != nil {
		return nil, err
	}
	s.StoreBytes = stream.State.Bytes
	consumer, err := j.consumer(ctx)
	if err != nil {
		return nil, err
	}
	info := consumer.CachedInfo()
	if s.Workers, err = j.ask(ctx); err != nil {
		return nil, err
	}
	s.count(x)
	missing := x.missing()
	s.Batches.Total = s.Batches.Done + len(missing)
	inWork := make(map[string]bool)
	for _, w := range s.Workers {
		s.TargetsPerSecond += w.TargetsPerSecond
		for _, b := range w.Batches {
			inWork[b.Batch] = true
		}
	}
	for _, path := range missing {
		if inWork[path] {
			s.Batches.InWork++
			s.Targets.InWork += x.size(path)
		}
	}
	// What the server waits for is in work too, if nobody says so: its worker may be
	// dead.
	silent := min(max(0, info.NumAckPending-s.Batches.InWork), len(missing)-s.Batches.InWork)
	s.Batches.InWork += silent
	s.Batches.Waiting = len(missing) - s.Batches.InWork
	s.Targets.Waiting = s.Targets.Total - s.Targets.Done - s.Targets.InWork
	if info.NumPending == 0 && info.NumAckPending == 0 {
		s.Lost, s.Batches.Waiting = s.Batches.Waiting, 0
	}
	if s.TargetsPerSecond > 0 {
		s.SecondsLeft = float64(s.Targets.Total-s.Targets.Done) / s.TargetsPerSecond
	}
	return s, nil
}

// count counts what is put and what is done.
func (s *Status) count(x *index) {
	for path, targets := range x.batches {
		if depth(path) == 0 {
			s.Targets.Total += targets
		}
	}
	s.Targets.Done = x.done
	for _, o := range x.results {
		switch o.kind {
		case kindSplit:
			s.Split++
		case kindCollected:
			s.Collected++
			s.Batches.Done++
		default:
			s.Batches.Done++
		}
	}
}

// ask asks the job's workers what they do.
func (j *Job) ask(ctx context.Context) ([]WorkerStatus, error) {
	workers := []WorkerStatus{}
	inbox := nats.NewInbox()
	answers, err := j.nc.SubscribeSync(inbox)
	if err != nil {
		return nil, err
	}
	defer answers.Unsubscribe()
	if err := j.nc.PublishRequest(askPrefix+j.Name, inbox, nil); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	for {
		msg, err := answers.NextMsgWithContext(ctx)
		if err != nil {
			break // that was all, or there is nobody
		}
		var w WorkerStatus
		if json.Unmarshal(msg.Data, &w) == nil && w.Name != "" {
			workers = append(workers, w)
		}
	}
	slices.SortFunc(workers, func(a, b WorkerStatus) int {
		return int(a.TargetsPerSecond*1000) - int(b.TargetsPerSecond*1000)
	})
	return workers, nil
}

// answer has the worker tell whoever asks what it does, until it is unsubscribed.
func (s *session) answer() (*nats.Subscription, error) {
	began := time.Now()
	return s.Job.nc.Subscribe(askPrefix+s.Job.Name, func(msg *nats.Msg) {
		status := WorkerStatus{
			Name: s.Name, Since: time.Since(began).Seconds(), Targets: s.done.Load(), TargetsPerSecond: s.rate.perSecond(), Batches: []BatchStatus{},
		}
		s.mu.Lock()
		for _, it := range s.open {
			status.Batches = append(status.Batches, BatchStatus{
				Batch: it.path, Seconds: time.Since(it.began).Seconds(), Targets: len(it.targets), Left: it.left.Load(), Tries: it.tries,
			})
		}
		s.mu.Unlock()
		slices.SortFunc(status.Batches, func(a, b BatchStatus) int { return int(1000 * (b.Seconds - a.Seconds)) })
		if data, err := json.Marshal(&status); err == nil {
			_ = msg.Respond(data) // whoever asked has what the others say
		}
	})
}

// Clock returns how far this machine's clock is ahead of the server's, give or
// take half of the time that the answer took.
func (j *Job) Clock(ctx context.Context) (time.Duration, error) {
	sent := time.Now()
	info, err := j.stream.Info(ctx)
	if err != nil {
		return 0, err
	}
	if info.TimeStamp.IsZero() {
		return 0, errors.New("the server does not tell its time")
	}
	return sent.Add(time.Since(sent) / 2).Sub(info.TimeStamp), nil
}

// Pending returns how many batches wait or are in work, as the server counts. It
// is cheap.
func (j *Job) Pending(ctx context.Context) (waiting, inWork int, err error) {
	consumer, err := j.consumer(ctx)
	if err != nil {
		return 0, 0, err
	}
	info := consumer.CachedInfo()
	return int(info.NumPending), info.NumAckPending, nil
}
