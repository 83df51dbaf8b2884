package revocation

import (
	"bufio"
	"bytes"
	"cmp"
	"crypto"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"math"
	"slices"
	"sync"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cryptobyteasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// The limits of a list, in bytes. An entry has 35 to 100.
const (
	maxName       = 8 << 10
	maxEntry      = 8 << 10
	maxExtensions = 64 << 10
	maxSignature  = 2 << 10
)

// list is a certificate revocation list (RFC 5280 §5), of which no more is kept
// than it takes to answer for a serial number.
type list struct {
	issuer     []byte // the name, as sent
	thisUpdate time.Time
	nextUpdate time.Time
	scope      scope
	// refused says why the list may be used for no certificate at all.
	refused error
	entries []entry // sorted by key

	signature
	mu       sync.Mutex
	verified map[string]error // by the key of an issuer
}

// entry is a certificate that was revoked, in 16 bytes.
type entry struct {
	key    uint64 // of its serial number
	at     uint32 // Unix time
	reason uint8
}

// serials hashes serial numbers. Nobody can know of two with the same hash, and if
// there were any the worst is that a good one counts as revoked.
var serials = maphash.MakeSeed()

// take is asked before memory for n more entries is used.
type take func(n int) error

// entriesAtOnce is how many entries are asked for at once.
const entriesAtOnce = 4096

// readList reads a list to its end, without holding it.
func readList(r io.Reader, take take) (*list, error) {
	s := &stream{r: bufio.NewReaderSize(r, 32<<10)}
	if first, err := s.r.Peek(1); err == nil && first[0] == '-' {
		return nil, errors.New("the list is PEM, and must be DER (RFC 5280 §4.2.1.13)")
	}
	end, err := s.open(math.MaxInt64)
	if err != nil {
		return nil, err
	}
	l := new(list)
	algorithm, err := l.readTBS(s, end, take)
	if err != nil {
		return nil, err
	}
	s.sink = nil
	_, outer, err := s.element(end, maxName)
	if err != nil {
		return nil, err
	}
	tag, bits, err := s.element(end, maxSignature)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(outer, algorithm) || tag != tagBitString || s.n != end {
		return nil, errDER
	}
	value := cryptobyte.String(bits)
	if !value.ReadASN1BitStringAsBytes(&l.value) {
		return nil, errDER
	}
	if _, err := s.r.Peek(1); err == nil {
		return nil, errors.New("something follows the list")
	}
	slices.SortFunc(l.entries, func(a, b entry) int { return cmp.Compare(a.key, b.key) })
	return l, nil
}

// readTBS reads what is signed, TBSCertList, and returns the algorithm that it
// names.
func (l *list) readTBS(s *stream, limit int64, take take) (algorithm []byte, err error) {
	var head bytes.Buffer
	s.sink = &head
	end, err := s.open(limit)
	if err != nil {
		return nil, err
	}
	tag, element, err := s.element(end, maxName)
	if err == nil && tag == tagInteger {
		if !bytes.Equal(element, []byte{tagInteger, 1, 1}) { // v2
			return nil, errors.New("the list has an unknown version")
		}
		tag, element, err = s.element(end, maxName)
	}
	if err != nil {
		return nil, err
	}
	if tag != tagSequence {
		return nil, errDER
	}
	algorithm = element
	if err := l.signature.parse(algorithm); err != nil {
		return nil, err
	}
	digest := l.hash.New()
	digest.Write(head.Bytes())
	s.sink = digest
	if tag, l.issuer, err = s.element(end, maxName); err != nil || tag != tagSequence {
		return nil, cmp.Or(err, errDER)
	}
	if err := l.readRest(s, end, take); err != nil {
		return nil, err
	}
	l.digest = digest.Sum(nil)
	return algorithm, nil
}

// readRest reads what follows the issuer's name: dates, entries, extensions.
func (l *list) readRest(s *stream, limit int64, take take) error {
	// The fields in their order; each may be absent but the first.
	next := 0
	for s.n < limit {
		if tag, err := s.r.Peek(1); err == nil && tag[0] == tagSequence && (next == 1 || next == 2) {
			if err := l.readEntries(s, limit, take); err != nil {
				return err
			}
			next = 3
			continue
		}
		tag, element, err := s.element(limit, maxExtensions)
		switch {
		case err != nil:
			return err
		case (tag == tagUTCTime || tag == tagGeneralizedTime) && next < 2:
			at, ok := readTime(element)
			if !ok {
				return errDER
			}
			if next == 0 {
				l.thisUpdate = at
			} else {
				l.nextUpdate = at
			}
			next++
		case tag == tagExtensions && next > 0 && next < 4:
			if err := l.readExtensions(element); err != nil {
				return err
			}
			next = 4
		default:
			return errDER
		}
	}
	if next == 0 {
		return errDER
	}
	return nil
}

func readTime(element []byte) (t time.Time, ok bool) {
	s := cryptobyte.String(element)
	if element[0] == tagUTCTime {
		ok = s.ReadASN1UTCTime(&t)
	} else {
		ok = s.ReadASN1GeneralizedTime(&t)
	}
	return t.UTC(), ok
}

func (l *list) readEntries(s *stream, limit int64, take take) error {
	end, err := s.open(limit)
	if err != nil {
		return err
	}
	var buf []byte
	for s.n < end {
		entryEnd, err := s.open(end)
		if err != nil {
			return err
		}
		if err := s.content(&buf, entryEnd, maxEntry); err != nil {
			return err
		}
		e, err := l.readEntry(buf)
		if err != nil {
			return err
		}
		if len(l.entries)%entriesAtOnce == 0 {
			if err := take(entriesAtOnce); err != nil {
				return err
			}
		}
		if len(l.entries) == cap(l.entries) {
			// By a quarter: for a moment there are the old and the new.
			l.entries = slices.Grow(l.entries, max(entriesAtOnce, len(l.entries)/4))
		}
		l.entries = append(l.entries, e)
	}
	return nil
}

// The extensions of an entry (RFC 5280 §5.3), in DER without tag and length.
const (
	oidReasonCode        = "\x55\x1d\x15"
	oidCertificateIssuer = "\x55\x1d\x1d"
)

// The reasons that mean more than that the certificate is revoked, RFC 5280
// §5.3.1.
const (
	reasonHold          = 6
	reasonRemoveFromCRL = 8
)

// readEntry reads the content of an entry.
func (l *list) readEntry(content []byte) (e entry, err error) {
	s := cryptobyte.String(content)
	var serial, extensions cryptobyte.String
	if !s.ReadASN1(&serial, cryptobyteasn1.INTEGER) || !isMinimal(serial) {
		return e, errDER
	}
	e.key = maphash.Bytes(serials, serial)
	if len(s) == 0 {
		return e, errDER
	}
	var at cryptobyte.String
	var tag cryptobyteasn1.Tag
	if !s.ReadAnyASN1Element(&at, &tag) {
		return e, errDER
	}
	date, ok := readTime(at)
	if !ok {
		return e, errDER
	}
	e.at = uint32(min(max(date.Unix(), 0), math.MaxUint32))
	if s.Empty() {
		return e, nil
	}
	if !s.ReadASN1(&extensions, cryptobyteasn1.SEQUENCE) || !s.Empty() {
		return e, errDER
	}
	return e, eachExtension(extensions, func(oid string, critical bool, value cryptobyte.String) error {
		switch {
		case oid == oidReasonCode:
			var reason int
			if !value.ReadASN1Enum(&reason) || reason < 0 || reason > math.MaxUint8 {
				return errDER
			}
			e.reason = uint8(reason)
			if reason == reasonRemoveFromCRL {
				l.refuse("the list takes certificates back, as only one of changes may")
			}
		case oid == oidCertificateIssuer:
			l.refuse("the list is an indirect one")
		case critical:
			l.refuse("the list has an entry with a critical extension that is not known")
		}
		return nil
	})
}

// isMinimal reports whether an integer's content is as DER has it (X.690 §8.3.2).
func isMinimal(b []byte) bool {
	return len(b) == 1 || len(b) > 1 && !(b[0] == 0 && b[1] < 0x80) && !(b[0] == 0xff && b[1] >= 0x80)
}

// eachExtension calls f with the extensions of a sequence of them.
func eachExtension(extensions cryptobyte.String, f func(oid string, critical bool, value cryptobyte.String) error) error {
	for !extensions.Empty() {
		var extension, oid, value cryptobyte.String
		critical := false
		if !extensions.ReadASN1(&extension, cryptobyteasn1.SEQUENCE) || !extension.ReadASN1(&oid, cryptobyteasn1.OBJECT_IDENTIFIER) ||
			extension.PeekASN1Tag(cryptobyteasn1.BOOLEAN) && !extension.ReadASN1Boolean(&critical) ||
			!extension.ReadASN1(&value, cryptobyteasn1.OCTET_STRING) || !extension.Empty() {
			return errDER
		}
		if err := f(string(oid), critical, value); err != nil {
			return err
		}
	}
	return nil
}

// refuse notes the first reason not to use the list.
func (l *list) refuse(why string) {
	if l.refused == nil {
		l.refused = errors.New(why)
	}
}

// find returns the entry of a certificate, if it has one.
func (l *list) find(cert *x509.Certificate) (entry, bool) {
	content, err := asn1.Marshal(cert.SerialNumber)
	s := cryptobyte.String(content)
	var serial cryptobyte.String
	if err != nil || !s.ReadASN1(&serial, cryptobyteasn1.INTEGER) {
		return entry{}, false
	}
	i, found := slices.BinarySearchFunc(l.entries, maphash.Bytes(serials, serial), func(e entry, key uint64) int { return cmp.Compare(e.key, key) })
	if !found {
		return entry{}, false
	}
	return l.entries[i], true
}

// check fills in what the list says of a certificate, of which points are all the
// places where its lists are to be had.
func (l *list) check(v *Verdict, cert, issuer *x509.Certificate, points []string, now time.Time) error {
	if err := l.signedBy(issuer); err != nil {
		return err
	}
	v.ThisUpdate, v.NextUpdate = l.thisUpdate, l.nextUpdate
	if l.refused != nil {
		return l.refused
	}
	if err := l.scope.covers(cert, points); err != nil {
		return err
	}
	stale := now.After(l.nextUpdate)
	if e, found := l.find(cert); found && !(e.reason == reasonHold && stale) {
		v.Status, v.RevokedAt, v.Reason = Revoked, time.Unix(int64(e.at), 0).UTC(), Reason(int(e.reason))
		return nil
	}
	switch {
	case l.scope.someReasons:
		return errors.New("the list is for some reasons of revocation only")
	case l.thisUpdate.After(now.Add(clockSkew)):
		return errors.New("the list is from the future")
	case l.nextUpdate.IsZero():
		return errors.New("the list does not say until when it counts (RFC 5280 §5.1.2.5)")
	case stale:
		return fmt.Errorf("the list is out of date since %s", l.nextUpdate.Format(time.RFC3339))
	}
	v.Status = Good
	return nil
}

// signedBy checks that an issuer of certificates has signed the list. The answer
// is kept: many certificates have one list.
func (l *list) signedBy(issuer *x509.Certificate) error {
	if !bytes.Equal(l.issuer, issuer.RawSubject) {
		return errors.New("the list is another issuer's")
	}
	if issuer.KeyUsage != 0 && issuer.KeyUsage&x509.KeyUsageCRLSign == 0 {
		return errors.New("the certificate's issuer may sign no lists")
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	key := string(issuer.RawSubjectPublicKeyInfo)
	err, known := l.verified[key]
	if !known {
		err = l.signature.verify(issuer.PublicKey)
		if l.verified == nil {
			l.verified = make(map[string]error)
		}
		if len(l.verified) < maxIssuers {
			l.verified[key] = err
		}
	}
	return err
}

// maxIssuers is how many keys of issuers a list remembers. It has one.
const maxIssuers = 4

// signature is that of a list.
type signature struct {
	hash   crypto.Hash
	scheme scheme
	digest []byte
	value  []byte
}
