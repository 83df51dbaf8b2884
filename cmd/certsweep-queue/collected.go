package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"certsweep/cmd/certsweep-queue/queue"
	"certsweep/cmd/internal/files"
	"certsweep/cmd/internal/process"
)

// collectedSuffix ends the name of the file that says what of a job is in another
// one: in its first line which job, then in a line for each batch its place in
// the list and how long the file is with it.
const collectedSuffix = ".collected"

// collected is where records go: a stream, or a file with what it says of itself.
type collected struct {
	out *os.File
	// The rest is of files.
	log     *os.File
	size    int64 // of whole batches
	batch   map[string]bool
	found   int // batches that were there when it was opened
	records int // that were written now
	batches int
}

// collectedHead is the log's first line.
type collectedHead struct {
	Job     string `json:"job"`
	ID      string `json:"id"`
	Ordered bool   `json:"ordered"`
}

func newStream(out *os.File) *collected { return &collected{out: out} }

// openCollected opens a file for the records of a job, or what an earlier collect
// left.
func openCollected(name string, job *queue.Job, ordered bool) (*collected, error) {
	c := &collected{batch: make(map[string]bool)}
	head := collectedHead{job.Name, job.Spec.ID, ordered}
	_, err := os.Stat(name)
	_, logErr := os.Stat(name + collectedSuffix)
	switch {
	case err == nil && errors.Is(logErr, fs.ErrNotExist):
		return nil, process.Usage("%s exists already, and was not collected by this command: remove it, or choose another name", name)
	case errors.Is(err, fs.ErrNotExist) && logErr == nil:
		return nil, process.Usage("%s is gone, but not %s: remove that too to collect from the beginning", name, name+collectedSuffix)
	}
	if c.out, err = os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o666); err != nil {
		return nil, process.Fail(process.StatusUsage, err)
	}
	if errors.Is(files.Lock(c.out), files.ErrLocked) {
		return nil, process.Usage("%s is being written by another %s", name, program)
	}
	if c.log, err = os.OpenFile(name+collectedSuffix, os.O_RDWR|os.O_CREATE, 0o666); err != nil {
		return nil, process.Fail(process.StatusUsage, err)
	}
	if err := c.resume(head); err != nil {
		c.out.Close()
		c.log.Close()
		return nil, err
	}
	return c, nil
}

// resume reads what is there, cuts off what is not whole, and writes the head if
// there is none.
func (c *collected) resume(head collectedHead) error {
	info, err := c.out.Stat()
	if err != nil {
		return process.Fail(process.StatusUsage, err)
	}
	if !info.Mode().IsRegular() {
		return process.Usage("%s is not a regular file: leave out -o to write to a pipe", c.out.Name())
	}
	lines := bufio.NewReader(c.log)
	first, err := lines.ReadString('\n')
	whole := int64(len(first))
	if err != nil {
		// Nothing was collected yet. What the file has came from elsewhere.
		if !errors.Is(err, io.EOF) || info.Size() > 0 {
			return process.Usage("%s does not say what %s has: remove both", c.log.Name(), c.out.Name())
		}
		data, err := json.Marshal(head)
		if err != nil {
			return err
		}
		if err := c.log.Truncate(0); err != nil {
			return writeFailure(err)
		}
		_, err = c.log.WriteAt(append(data, '\n'), 0)
		if err == nil {
			_, err = c.log.Seek(0, io.SeekEnd)
		}
		return writeFailure(err)
	}
	var there collectedHead
	if err := json.Unmarshal([]byte(first), &there); err != nil {
		return process.Usage("%s was not written by this command: %w", c.log.Name(), err)
	}
	switch {
	case there.Job != head.Job || there.ID != head.ID:
		return process.Usage("%s has records of another job (%s): choose another name", c.out.Name(), there.Job)
	case there.Ordered != head.Ordered:
		return process.Usage("%s was begun %s --ordered: go on so, or choose another name", c.out.Name(), map[bool]string{true: "with", false: "without"}[there.Ordered])
	}
	for {
		line, err := lines.ReadString('\n')
		path, length, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		size, sizeErr := strconv.ParseInt(length, 10, 64)
		if err != nil || sizeErr != nil || size < c.size || size > info.Size() {
			break // as after a power cut: what comes behind is collected again
		}
		c.batch[path], c.size, whole = true, size, whole+int64(len(line))
	}
	c.found = len(c.batch)
	err = errors.Join(c.out.Truncate(c.size), c.log.Truncate(whole))
	if err == nil {
		_, err = c.out.Seek(c.size, io.SeekStart)
	}
	if err == nil {
		_, err = c.log.Seek(whole, io.SeekStart)
	}
	return writeFailure(err)
}

func (c *collected) have(path string) bool { return c.batch[path] }

// write adds the records of a batch.
func (c *collected) write(path string, records int, lines []byte) error {
	if _, err := c.out.Write(lines); err != nil {
		c.cut()
		return writeFailure(err)
	}
	c.records += records
	c.batches++
	if c.log == nil {
		return nil
	}
	c.size += int64(len(lines))
	if _, err := fmt.Fprintf(c.log, "%s %d\n", path, c.size); err != nil {
		c.size -= int64(len(lines))
		c.cut()
		return writeFailure(err)
	}
	c.batch[path] = true
	return nil
}

// cut leaves whole batches in a file. If it fails, the next collect does it.
func (c *collected) cut() {
	if c.log != nil {
		_ = c.out.Truncate(c.size)
	}
}

// sync makes sure that what was written is on the disk, the records first.
func (c *collected) sync() error {
	if c.log == nil {
		return nil
	}
	if info, err := os.Stat(c.out.Name()); err != nil {
		return writeFailure(err)
	} else if info.Size() < c.size {
		return writeFailure(fmt.Errorf("%s was removed or truncated while it was written", c.out.Name()))
	}
	err := c.out.Sync()
	if err == nil {
		err = c.log.Sync()
	}
	return writeFailure(err)
}

func (c *collected) close() error {
	if c.log == nil {
		return nil
	}
	return writeFailure(errors.Join(c.out.Close(), c.log.Close()))
}

// before says what was there already.
func (c *collected) before() string {
	if c.found == 0 {
		return ""
	}
	return fmt.Sprintf(", besides %d batches that were there", c.found)
}

// writeFailure marks an error as one of writing records.
func writeFailure(err error) error {
	if err == nil {
		return nil
	}
	return process.Fail(process.StatusIncomplete, fmt.Errorf("writing records: %w", err))
}
