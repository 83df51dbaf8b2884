//go:build !race

package dialer

const slowness = 1
