package queue

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"
)

// Format is the version of what this package keeps at a server. A job of a
// later one is left alone.
const Format = 1

const (
	streamPrefix  = "CERTSWEEP_"
	subjectPrefix = "certsweep.job."
	askPrefix     = "certsweep.ask."
	// metadataAgain marks a consumer that was made when there were results already.
	metadataAgain = "certsweep-again"
	// Consumer is the name of the consumer that the workers of a job share.
	Consumer = "workers"
)

// Spec is what a job is. Put makes it once; afterwards it never changes.
type Spec struct {
	Format int `json:"format"`
	// ID tells jobs of the same name apart.
	ID string `json:"id"`
	// By is the version of the program that made the job.
	By string `json:"by"`
	// Flags are those of the scan, such as "--timeout=3s", for every worker.
	Flags []string `json:"flags"`
	// Roots is the PEM file of trusted roots, if the scan has one of its own.
	Roots string `json:"roots,omitempty"`
	// BatchTargets and BatchBytes are the most that a batch has; bytes before
	// they are compressed.
	BatchTargets int `json:"batch_targets"`
	BatchBytes   int `json:"batch_bytes"`
	// AckWait is how long a worker may be silent before its batches go to others.
	AckWait time.Duration `json:"ack_wait_ns"`
	// Replicas is how many servers of a cluster hold the job; 0 means 1.
	Replicas int `json:"replicas"`
}

// same reports whether two specs ask for the same scan.
func (s *Spec) same(other *Spec) bool {
	return slices.Equal(s.Flags, other.Flags) && s.Roots == other.Roots
}

// end says that a list was put as a whole.
type end struct {
	Batches int    `json:"batches"`
	Targets int    `json:"targets"`
	Chain   string `json:"chain"`
}

// Job is a job at a server. It is safe for concurrent use.
type Job struct {
	*Client
	Name   string
	Spec   Spec
	stream jetstream.Stream
}

var jobName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// CheckName returns an error for what cannot be the name of a job.
func CheckName(name string) error {
	if !jobName.MatchString(name) {
		return fmt.Errorf("%q cannot be the name of a job: use 1 to 64 letters, digits, - and _", name)
	}
	return nil
}

// Errors of a job.
var (
	// ErrNoJob: there is no job of that name.
	ErrNoJob = errors.New("there is no such job")
	// ErrFormat: the job is of a later version.
	ErrFormat = errors.New("the job is of a later version")
	// ErrOther: the job has another list, or other flags.
	ErrOther = errors.New("the job is another one")
)

func (j *Job) subject(tokens ...string) string {
	return subjectPrefix + j.Name + "." + strings.Join(tokens, ".")
}

// Open returns the job of that name. The error is an ErrNoJob or ErrFormat, or the
// server's.
func (c *Client) Open(ctx context.Context, name string) (*Job, error) {
	j := &Job{Client: c, Name: name}
	var err error
	if j.stream, err = c.js.Stream(ctx, streamPrefix+name); err != nil {
		if errors.Is(err, jetstream.ErrStreamNotFound) {
			err = fmt.Errorf("%w: %s", ErrNoJob, name)
		}
		return nil, err
	}
	msg, err := j.last(ctx, "job")
	if err == nil && msg == nil {
		// Its put was killed between the two.
		err = fmt.Errorf("%w: %s", ErrNoJob, name)
	}
	if err != nil {
		return nil, err
	}
	var version struct{ Format int }
	if err := json.Unmarshal(msg.Data, &version); err != nil {
		return nil, fmt.Errorf("job %s: what describes it: %w", name, err)
	}
	if version.Format > Format {
		return nil, fmt.Errorf("%w: job %s has format %d, this certsweep-queue reads %d: use the version that put it", ErrFormat, name, version.Format, Format)
	}
	if err := json.Unmarshal(msg.Data, &j.Spec); err != nil {
		return nil, fmt.Errorf("job %s: what describes it: %w", name, err)
	}
	return j, nil
}

// create returns the job of that name, and makes it if there is none.
func (c *Client) create(ctx context.Context, name string, spec Spec) (*Job, error) {
	j, err := c.Open(ctx, name)
	if err == nil || !errors.Is(err, ErrNoJob) {
		return j, err
	}
	j = &Job{Client: c, Name: name}
	j.stream, err = c.js.CreateStream(ctx, jetstream.StreamConfig{
		Name: streamPrefix + name, Description: "a job of certsweep-queue", Subjects: []string{j.subject(">")},
		Storage: jetstream.FileStorage, Replicas: max(1, spec.Replicas), AllowDirect: true, AllowRollup: true,
		// The three of "exactly once".
		MaxMsgsPerSubject: 1, Discard: jetstream.DiscardNew, DiscardNewPerSubject: true,
		// The server must not take two for one by an ID of which it knows for a while
		// only.
		Duplicates: minPause,
	})
	// Two who make the same one at once make one.
	if err != nil && !errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
		return nil, fmt.Errorf("making the job's stream: %w", err)
	}
	spec.Format, spec.ID = Format, nuid.Next()
	data, err := json.Marshal(&spec)
	if err != nil {
		return nil, err
	}
	if len(data) > int(c.nc.MaxPayload())-headRoom {
		return nil, fmt.Errorf("the job's flags and --ca-file take %d bytes, the server's messages have %d at most (max_payload)", len(data), c.nc.MaxPayload())
	}
	if _, err := c.js.PublishMsg(ctx, &nats.Msg{Subject: j.subject("job"), Data: data}); err != nil && !isTaken(err) {
		return nil, fmt.Errorf("making the job: %w", err)
	}
	return c.Open(ctx, name)
}

// consumerConfig is that of the workers' consumer.
func (j *Job) consumerConfig() jetstream.ConsumerConfig {
	return jetstream.ConsumerConfig{
		Durable: Consumer, Description: "batches for certsweep-queue work", FilterSubject: j.subject("work", ">"),
		AckPolicy: jetstream.AckExplicitPolicy, DeliverPolicy: jetstream.DeliverAllPolicy, AckWait: j.Spec.AckWait,
		// How often is enough, the worker decides that gets it next.
		MaxDeliver: -1, MaxAckPending: 1 << 20, MaxWaiting: 1 << 14,
	}
}

// consumer returns the workers' consumer, and makes it if there is none.
func (j *Job) consumer(ctx context.Context) (jetstream.Consumer, error) {
	consumer, err := j.stream.Consumer(ctx, Consumer)
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		var done *jetstream.RawStreamMsg
		if done, err = j.last(ctx, "result", ">"); err != nil {
			return nil, err
		}
		config := j.consumerConfig()
		if done != nil {
			// It gives out everything once more, and workers are to look first.
			config.Metadata = map[string]string{metadataAgain: "yes"}
		}
		consumer, err = j.stream.CreateConsumer(ctx, config)
		if errors.Is(err, jetstream.ErrConsumerExists) {
			consumer, err = j.stream.Consumer(ctx, Consumer)
		}
	}
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		err = j.gone()
	}
	return consumer, err
}

// last returns the message of a subject, or nil if there is none.
func (j *Job) last(ctx context.Context, tokens ...string) (*jetstream.RawStreamMsg, error) {
	msg, err := j.stream.GetLastMsgForSubject(ctx, j.subject(tokens...))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil, nil
	}
	return msg, err
}

// end returns what ends the list, or nil while it is being put.
func (j *Job) end(ctx context.Context) (*end, error) {
	msg, err := j.last(ctx, "end")
	if err != nil || msg == nil {
		return nil, err
	}
	e := new(end)
	return e, json.NewDecoder(bytes.NewReader(msg.Data)).Decode(e)
}

// JobOf returns the name of the job that a stream holds.
func JobOf(stream string) (name string, ok bool) {
	name, ok = strings.CutPrefix(stream, streamPrefix)
	return name, ok && jobName.MatchString(name)
}

// Jobs returns the names of all jobs, the oldest first.
func (c *Client) Jobs(ctx context.Context) ([]string, error) {
	type entry struct {
		name    string
		created time.Time
	}
	var jobs []entry
	list := c.js.ListStreams(ctx, jetstream.WithStreamListSubject(subjectPrefix+"*.job"))
	for info := range list.Info() {
		if name, ok := JobOf(info.Config.Name); ok {
			jobs = append(jobs, entry{name, info.Created})
		}
	}
	if err := list.Err(); err != nil && !errors.Is(err, jetstream.ErrEndOfData) {
		return nil, err
	}
	slices.SortFunc(jobs, func(a, b entry) int { return a.created.Compare(b.created) })
	var names []string
	for _, e := range jobs {
		names = append(names, e.name)
	}
	return names, nil
}

// gone is the error of a job that was there.
func (j *Job) gone() error {
	return fmt.Errorf("%w any longer: %s was dropped, or the server has lost its store", ErrNoJob, j.Name)
}

// Drop ends the job of that name: its batches and its results are gone, and
// workers notice. It returns false if there is none.
func (c *Client) Drop(ctx context.Context, name string) (bool, error) {
	err := c.js.DeleteStream(ctx, streamPrefix+name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return false, nil
	}
	return err == nil, err
}
