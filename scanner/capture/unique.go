package capture

import (
	"certsweep/results"
)

// uniqueKey is what records of the same have in common.
type uniqueKey struct {
	host, sni, leaf, client, code string
	port                          int
}

// unique keeps the first record of each kind, and counts the others.
type unique struct {
	records map[uniqueKey]*results.Record
	order   []uniqueKey
	bytes   int64
	max     int64
	counts  *results.CaptureCounts
}

// add counts a record. If there are too many kinds, the oldest half goes out early,
// and may come again.
func (u *unique) add(r *results.Record, emit func(*results.Record) error) error {
	if u.records == nil {
		u.records = make(map[uniqueKey]*results.Record)
	}
	k := uniqueKey{host: r.Host, port: r.Port, sni: r.SNI}
	if r.Certificate != nil {
		k.leaf = r.Certificate.FingerprintSHA256
	}
	if r.Capture.ClientCertificate != nil {
		k.client = r.Capture.ClientCertificate.FingerprintSHA256
	}
	if r.Error != nil {
		k.code = r.Error.Code
	}
	if first := u.records[k]; first != nil {
		first.Capture.Seen++
		return nil
	}
	u.records[k] = r
	u.order = append(u.order, k)
	u.bytes += uniqueCost(r)
	if u.bytes <= u.max {
		return nil
	}
	early := (len(u.order) + 1) / 2
	u.counts.UniqueEarly += int64(early)
	return u.out(early, emit)
}

// uniqueCost is about what a record takes: its certificates have their text several
// times.
func uniqueCost(r *results.Record) int64 {
	const record, each = 2 << 10, 4 << 10
	n := int64(record)
	for _, c := range append(append(r.Chain, r.Capture.ClientChain...), r.Certificate, r.Capture.ClientCertificate) {
		if c == nil {
			continue
		}
		n += each + int64(len(c.PEM)+len(c.Subject.DN)+len(c.Issuer.DN))
		for _, name := range c.DNSNames {
			n += int64(len(name)) + 16
		}
	}
	return n
}

// out emits the first n.
func (u *unique) out(n int, emit func(*results.Record) error) error {
	for _, k := range u.order[:n] {
		u.bytes -= uniqueCost(u.records[k])
		if err := emit(u.records[k]); err != nil {
			return err
		}
		delete(u.records, k)
	}
	u.order = append(u.order[:0], u.order[n:]...)
	return nil
}

func (u *unique) flush(emit func(*results.Record) error) error { return u.out(len(u.order), emit) }
