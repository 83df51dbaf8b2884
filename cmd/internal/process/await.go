package process

import (
	"context"
	"io"
)

// Interruptible returns a reader of r that ends when ctx is done, even while r
// blocks. The goroutine that is left in r's Read ends with the process.
func Interruptible(ctx context.Context, r io.Reader) io.Reader {
	pr, pw := io.Pipe()
	context.AfterFunc(ctx, func() { pw.Close() })
	go func() {
		_, err := io.Copy(pw, r)
		pw.CloseWithError(err)
	}()
	return pr
}

// Await calls open, which may block, as on a pipe that nobody opens at the other
// end, until ctx is done. What is left of the call then ends with the process.
func Await[T any](ctx context.Context, open func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		value, err := open()
		done <- result{value, err}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
		var none T
		return none, context.Cause(ctx)
	}
}

// StoppedOr returns why ctx is done, or err if it is not.
func StoppedOr(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}
