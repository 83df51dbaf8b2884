package capture

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"os"
	"testing"

	"certsweep/results"
)

// BenchmarkRead reads a capture to encoded records: that of CERTSWEEP_CAPTURE, with
// the key log of CERTSWEEP_KEYLOG, or 1,000 connections.
func BenchmarkRead(b *testing.B) {
	var file, log []byte
	if name := os.Getenv("CERTSWEEP_CAPTURE"); name != "" {
		var err error
		if file, err = os.ReadFile(name); err == nil && os.Getenv("CERTSWEEP_KEYLOG") != "" {
			log, err = os.ReadFile(os.Getenv("CERTSWEEP_KEYLOG"))
		}
		if err != nil {
			b.Fatal(err)
		}
	} else {
		var frames []frame
		for i := range 1000 {
			d := converse(b, &tls.Config{}, &tls.Config{MaxVersion: tls.VersionTLS12 + uint16(i%2), Certificates: []tls.Certificate{newCertificate(b, "captured.example")}})
			frames = append(frames, d.connection(fmt.Sprintf("192.0.2.7:%d", 10000+i), server)...)
			log = append(log, d.log.Bytes()...)
		}
		file = pcapOf(b, 1, frames)
	}
	b.SetBytes(int64(len(file)))
	for b.Loop() {
		var r Reader
		r.Keys = new(KeyLog)
		if _, err := r.Keys.Read(bytes.NewReader(log)); err != nil {
			b.Fatal(err)
		}
		encoder := results.NewEncoder(io.Discard)
		if err := r.Read(1, "", bytes.NewReader(file), encoder.Encode); err != nil {
			b.Fatal(err)
		}
		if err := r.End(encoder.Encode); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(r.Counts.Handshakes), "handshakes/op")
	}
}
