package process

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// signalPause is how far apart two signals are to be two.
const signalPause = 50 * time.Millisecond

// Signals returns two contexts: stop is done with the first SIGINT or
// SIGTERM (or SIGHUP), abort with the second. Their cause is a [Signal]. A third one
// ends the process as if nobody had asked for signals.
func Signals() (stop, abort context.Context) {
	stop, cancelStop := context.WithCancelCause(context.Background())
	abort, cancelAbort := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) { // nohup
		signal.Notify(signals, syscall.SIGHUP)
	}
	go func() {
		for _, cancel := range []context.CancelCauseFunc{cancelStop, cancelAbort} {
			first := <-signals
			// timeout(1) signals the process and then its group: what comes at
			// the same moment was meant once.
			for repeated := time.After(signalPause); repeated != nil; {
				select {
				case <-signals:
				case <-repeated:
					repeated = nil
				}
			}
			cancel(Signal{Signal: first.(syscall.Signal)})
		}
		signal.Stop(signals)
	}()
	return stop, abort
}

// Hangup takes SIGHUP away from what [Signals] returned, for a process that reads
// its configuration again then, and returns a channel of it.
func Hangup() <-chan os.Signal {
	signals := make(chan os.Signal, 1)
	signal.Reset(syscall.SIGHUP)
	signal.Notify(signals, syscall.SIGHUP)
	return signals
}
