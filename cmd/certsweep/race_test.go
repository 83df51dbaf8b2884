//go:build race

package main

// raceDetector says that the tests run with the race detector, whose shadow
// memory is several times what it watches.
const raceDetector = true
