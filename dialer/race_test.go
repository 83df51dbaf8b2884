//go:build race

package dialer

// slowness is how much longer what is meant to time out may take than elsewhere.
const slowness = 4
