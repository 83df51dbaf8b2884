package certificate

import (
	"bytes"
	"crypto/elliptic"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/binary"
	"slices"
	"testing"
	"time"
)

// sctList builds the extension's list with timestamps of logs.
func sctList(scts ...[]byte) []byte {
	var list []byte
	for _, sct := range scts {
		list = append(binary.BigEndian.AppendUint16(list, uint16(len(sct))), sct...)
	}
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(list))), list...)
}

func sct(log byte, at time.Time) []byte {
	b := append([]byte{0}, bytes.Repeat([]byte{log}, 32)...)
	b = binary.BigEndian.AppendUint64(b, uint64(at.UnixMilli()))
	return append(b, 0, 0, 4, 3, 0, 2, 1, 2) // no extensions, a signature
}

func TestEmbeddedSCTs(t *testing.T) {
	at := time.Date(2026, 11, 1, 12, 0, 0, 5e6, time.UTC)
	two := sctList(sct(0xAB, at), sct(0xCD, at.Add(time.Hour)))
	want := []SCT{
		{"abababababababababababababababababababababababababababababababab", at},
		{"cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd", at.Add(time.Hour)},
	}
	value, err := asn1.Marshal(two)
	if err != nil {
		t.Fatal(err)
	}
	template := leafTemplate(t)
	template.ExtraExtensions = append(template.ExtraExtensions, pkix.Extension{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 11129, 2, 4, 2}, Value: value})
	issuer, key := issuerTemplate(), ecKey(t, elliptic.P256())
	der := issue(t, template, issuer, key.Public(), key)
	if got := Read(der, nil, at).SCTs; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got, cut := scts(two[:len(two)-1]); !slices.Equal(got, want[:1]) || cut {
		t.Errorf("of a list that is cut: %v, %t", got, cut)
	}
	many := make([][]byte, maxSCTs+1)
	for i := range many {
		many[i] = sct(byte(i), at)
	}
	if got, cut := scts(sctList(many...)); len(got) != maxSCTs || !cut {
		t.Errorf("of %d timestamps %d are kept, cut %t", len(many), len(got), cut)
	}
	for _, none := range [][]byte{nil, {0}, {0, 0}, sctList([]byte("short")), sctList(append([]byte{1}, sct(1, at)[1:]...))} {
		if got, _ := scts(none); len(got) != 0 {
			t.Errorf("%x: got %v", none, got)
		}
	}
}

func FuzzSCTs(f *testing.F) {
	f.Add(sctList(sct(1, time.Unix(1, 0))))
	f.Add([]byte{0, 2, 0xFF, 0xFF})
	f.Fuzz(func(t *testing.T, list []byte) {
		got, _ := scts(list)
		if len(got) > maxSCTs || len(got)*41 > len(list) {
			t.Errorf("%d timestamps in %d bytes", len(got), len(list))
		}
		for _, s := range got {
			if _, err := s.Time.MarshalJSON(); err != nil {
				t.Error(err)
			}
		}
	})
}
