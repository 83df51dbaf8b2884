//go:build !linux

package dialer

import (
	"errors"
	"time"
)

// canStep: connections are made that [Glance] can wait for.
const canStep = false

func (g *Glance) dialSteps([]byte, time.Time) error { return errors.ErrUnsupported }
