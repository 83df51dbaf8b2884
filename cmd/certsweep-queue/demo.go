package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"certsweep/cmd/certsweep-queue/queue"
	"certsweep/cmd/internal/flags"
	"certsweep/cmd/internal/process"
	"certsweep/dialer/dialertest"
	"certsweep/results"
)

const (
	demoTargets = 12_000
	demoAckWait = 2 * time.Second
	// demoTimeout is what the demo's silent servers are waited for.
	demoTimeout = 2 * time.Second
)

func (e *environment) demo() (*flags.Command, *common, func() error) {
	o := new(common)
	c := describe("demo", "certsweep-queue demo shows all of it on this machine: a server, three workers, one of which is killed, and the proof that every target is there once. It needs no network.")
	c.Usage = []flags.Line{{Text: "certsweep-queue demo"}}
	c.Groups = []string{groupJob}
	c.Flags = o.flags(groupJob)
	return c, o, func() error {
		if args := c.Args(); len(args) > 0 {
			return process.Usage("demo takes no %q: it brings its own targets", args[0])
		}
		return e.show()
	}
}

// show runs the demo, with processes as people start them.
func (e *environment) show() (err error) {
	dir, err := os.MkdirTemp("", "certsweep-queue-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	d := &demo{environment: e, dir: dir}
	defer d.end()
	ctx, cancel := context.WithTimeout(e.stop, time.Minute)
	defer cancel()
	if err := d.play(ctx); err != nil {
		return ended(e.stop, err)
	}
	return nil
}

// demo is a demo that plays.
type demo struct {
	*environment
	dir, url string
	children []*exec.Cmd
}

// play does what it says.
func (d *demo) play(ctx context.Context) error {
	began := time.Now()
	list, farm, err := d.list()
	if err != nil {
		return err
	}
	defer farm.Close()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	free.Close()
	d.url = "nats://" + free.Addr().String()
	if _, err := d.run("serve", "--store", filepath.Join(d.dir, "store"), "--listen", free.Addr().String()); err != nil {
		return err
	}
	client, err := queue.Connect(ctx, queue.Options{URL: d.url, Wait: true})
	if err != nil {
		return err
	}
	defer client.Close()
	put, err := d.run("put", "--nats", d.url, "--job", "demo", "--batch", "100", "--ack-wait", demoAckWait.String(),
		"--timeout", demoTimeout.String(), "--trust", "none", list)
	if err != nil {
		return err
	}
	if err := put.Wait(); err != nil {
		return fmt.Errorf("put: %w", err)
	}
	var workers []*exec.Cmd
	for range 3 {
		w, err := d.run("work", "--nats", d.url, "--job", "demo", "-c", "100")
		if err != nil {
			return err
		}
		workers = append(workers, w)
	}
	job, err := client.Open(ctx, "demo")
	if err != nil {
		return err
	}
	if err := d.killHalfWay(ctx, job, workers[0]); err != nil {
		return err
	}
	out := filepath.Join(d.dir, "records.jsonl")
	collect, err := d.run("collect", "--nats", d.url, "--job", "demo", "--follow", "-o", out)
	if err != nil {
		return err
	}
	if err := collect.Wait(); err != nil {
		return fmt.Errorf("collect: %w", err)
	}
	return d.prove(out, began)
}

// run starts one of the program's commands, and shows it.
func (d *demo) run(args ...string) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(d.stderr, "$ %s %s\n", program, strings.ReplaceAll(strings.Join(args, " "), d.dir+string(filepath.Separator), ""))
	cmd := exec.Command(self, args...)
	cmd.Stderr = d.stderr
	// A signal from the terminal is the demo's, which ends them.
	ownGroup(cmd)
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	d.children = append(d.children, cmd)
	return cmd, nil
}

// end ends what still runs, the server last: the others would say that they lost
// it.
func (d *demo) end() {
	for _, child := range slices.Backward(d.children) {
		child.Process.Kill()
		child.Wait()
	}
}

// killHalfWay kills a worker when half of the list is done, and shows how the job
// stands then.
func (d *demo) killHalfWay(ctx context.Context, job *queue.Job, worker *exec.Cmd) error {
	half := errors.New("half of it is done")
	following, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	err := job.Follow(following, func(done, known int, _ bool) {
		if done >= known/2 {
			cancel(half)
		}
	})
	if err != nil && !errors.Is(err, half) {
		return err
	}
	status, err := job.Status(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(d.stderr, "$ %s status --nats %s --job demo\n", program, d.url)
	if err := writeStatus(d.stderr, status); err != nil {
		return err
	}
	fmt.Fprintf(d.stderr, "$ kill -9 %d   # a worker; its batches go to the others after --ack-wait\n", worker.Process.Pid)
	return worker.Process.Kill()
}

// prove reads the records, and checks that every target is there once.
func (d *demo) prove(name string, began time.Time) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	seen := make(map[int]int)
	for r, err := range results.Decode(bufio.NewReader(file)) {
		if err != nil {
			return err
		}
		seen[r.Line]++
	}
	missing, doubled := 0, 0
	for line := 1; line <= demoTargets; line++ {
		switch n := seen[line]; {
		case n == 0:
			missing++
		case n > 1:
			doubled++
		}
	}
	fmt.Fprintf(d.stdout, "%d targets, %d of them have a record: %d missing, %d doubled, in %v\n",
		demoTargets, len(seen), missing, doubled, time.Since(began).Round(100*time.Millisecond))
	if missing+doubled > 0 || len(seen) != demoTargets {
		return process.Fail(process.StatusIncomplete, errors.New("this must not be"))
	}
	return nil
}

// list writes the demo's targets and starts their servers.
func (d *demo) list() (name string, farm *dialertest.Farm, err error) {
	farm, err = dialertest.Start("good", "expired", "refused", "silent", "reset-after-hello")
	if err != nil {
		return "", nil, fmt.Errorf("starting the demo's servers: %w", err)
	}
	var b strings.Builder
	for i := range demoTargets {
		kind := "refused"
		switch {
		case i%2000 == 1000:
			kind = "silent"
		case i%4 == 0:
			kind = "good"
		case i%4 == 1:
			kind = "expired"
		case i%20 == 2:
			kind = "reset-after-hello"
		}
		fmt.Fprintln(&b, farm.Endpoint(kind).Target())
	}
	name = filepath.Join(d.dir, "targets.txt")
	if err := os.WriteFile(name, []byte(b.String()), 0o600); err != nil {
		farm.Close()
		return "", nil, err
	}
	return name, farm, nil
}
