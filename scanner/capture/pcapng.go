package capture

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"math/bits"
	"time"

	"github.com/gopacket/gopacket/layers"
)

// pcapng is a capture in the format of draft-ietf-opsawg-pcapng. It is read by
// hand because pcapgo keeps the secrets of a capture to itself, and all of them,
// the names and the interfaces, however many there are.
type pcapng struct {
	in         *bufio.Reader
	keys       *KeyLog
	order      binary.ByteOrder // nil before the first section
	interfaces []ngInterface    // of the section
	block      []byte
	last       time.Time // of a packet, for those that have none
}

type ngInterface struct {
	link    layers.LinkType
	snapLen uint32
	units   uint64 // of time in a second
	offset  int64  // in seconds
}

// Block types, §4 of the draft.
const (
	ngSection   = 0x0A0D0D0A
	ngDescribes = 1 // Interface Description Block
	ngObsolete  = 2 // the Packet Block of earlier drafts
	ngSimple    = 3
	ngEnhanced  = 6
	ngSecrets   = 10
)

// ngTLSKeyLog is the type of secrets that are a TLS key log, §4.7.
const ngTLSKeyLog = 0x544c534b

const (
	ngHeader        = 8  // type and length
	ngOverhead      = 12 // with the length at the end
	ngMagic         = 0x1A2B3C4D
	ngMaxBlock      = 1 << 20 // of a block that is held: a packet, an interface
	ngMaxInterfaces = 1 << 14 // of a section
)

func (s *pcapng) next(p *packet) error {
	for {
		kind, length, err := s.header()
		if err != nil {
			return err
		}
		switch kind {
		case ngSection:
			err = s.section(length)
		case ngSecrets:
			err = s.secrets(length)
		case ngDescribes, ngObsolete, ngSimple, ngEnhanced:
			var found bool
			if found, err = s.held(kind, length, p); found && err == nil {
				return nil
			}
		default:
			err = s.skip(length - ngHeader)
		}
		if err != nil {
			return err
		}
	}
}

// header reads what a block begins with: for a section up to the magic number,
// which tells the byte order.
func (s *pcapng) header() (kind uint32, length int, err error) {
	head, err := s.in.Peek(ngHeader)
	if err == io.EOF && len(head) == 0 && s.order != nil {
		return 0, 0, io.EOF
	}
	if err != nil {
		return 0, 0, s.cut(err)
	}
	if binary.BigEndian.Uint32(head) == ngSection {
		if head, err = s.in.Peek(ngHeader + 4); err != nil {
			return 0, 0, s.cut(err)
		}
		switch magic := head[ngHeader:]; {
		case binary.BigEndian.Uint32(magic) == ngMagic:
			s.order = binary.BigEndian
		case binary.LittleEndian.Uint32(magic) == ngMagic:
			s.order = binary.LittleEndian
		default:
			return 0, 0, fmt.Errorf("%w: a section without byte order", ErrCut)
		}
	}
	kind = s.order.Uint32(head)
	size := s.order.Uint32(head[4:])
	if size < ngOverhead || size%4 != 0 || size > 1<<31-4 {
		return 0, 0, fmt.Errorf("%w: a block of %d bytes", ErrCut, size)
	}
	s.in.Discard(ngHeader)
	return kind, int(size), nil
}

func (s *pcapng) section(length int) error {
	const fixed = 16 // magic, version, length of the section
	head, err := s.in.Peek(fixed)
	if err != nil {
		return s.cut(err)
	}
	if major := s.order.Uint16(head[4:]); major != 1 {
		return fmt.Errorf("%w: version %d of pcapng is not known", ErrCut, major)
	}
	s.interfaces = s.interfaces[:0]
	return s.skip(length - ngHeader)
}

func (s *pcapng) skip(n int) error {
	_, err := s.in.Discard(n)
	return s.cut(err)
}

// cut returns what an error in the middle of a block means.
func (s *pcapng) cut(err error) error {
	switch err {
	case nil:
		return nil
	case io.EOF, io.ErrUnexpectedEOF:
		return fmt.Errorf("%w: it ends within a block", ErrCut)
	}
	return fmt.Errorf("%w: %w", ErrCut, err)
}

// secrets passes a key log on as it is read: it may be larger than anything else.
func (s *pcapng) secrets(length int) error {
	const fixed = 8
	head, err := s.in.Peek(fixed)
	if err != nil {
		return s.cut(err)
	}
	kind, size := s.order.Uint32(head), int64(s.order.Uint32(head[4:]))
	left := int64(length - ngHeader)
	if kind == ngTLSKeyLog && size <= left-fixed-4 {
		s.in.Discard(fixed)
		rest := &io.LimitedReader{R: s.in, N: size}
		if err := s.keys.add(rest, true); err != nil {
			return s.cut(err)
		}
		left -= fixed + size - rest.N
	}
	return s.skip(int(left))
}

// held reads a block of which the body is needed as a whole.
func (s *pcapng) held(kind uint32, length int, p *packet) (found bool, err error) {
	if length > ngMaxBlock {
		return false, fmt.Errorf("%w: a block of %d bytes", ErrCut, length)
	}
	body := length - ngHeader
	if cap(s.block) < body {
		s.block = make([]byte, max(body, 64<<10))
	}
	b := s.block[:body]
	if _, err := io.ReadFull(s.in, b); err != nil {
		return false, s.cut(err)
	}
	if trailer := s.order.Uint32(b[body-4:]); trailer != uint32(length) {
		return false, fmt.Errorf("%w: a block of %d bytes ends as one of %d", ErrCut, length, trailer)
	}
	b = b[:body-4]
	switch kind {
	case ngDescribes:
		return false, s.describe(b)
	case ngSimple:
		return true, s.simple(b, p)
	case ngObsolete:
		if len(b) >= 4 { // a number of drops takes half of the interface's place
			index := uint32(s.order.Uint16(b))
			s.order.PutUint32(b, index)
		}
	}
	return true, s.enhanced(b, p)
}

// The options of an interface that matter, §4.2.
const (
	ngOptionResolution = 9
	ngOptionOffset     = 14
)

func (s *pcapng) describe(b []byte) error {
	if len(b) < 8 {
		return fmt.Errorf("%w: an interface of %d bytes", ErrCut, len(b))
	}
	if len(s.interfaces) == ngMaxInterfaces {
		return fmt.Errorf("%w: a section with more than %d interfaces", ErrCut, ngMaxInterfaces)
	}
	described := ngInterface{link: layers.LinkType(s.order.Uint16(b)), snapLen: s.order.Uint32(b[4:]), units: 1e6}
	for b = b[8:]; len(b) >= 4; {
		code, n := s.order.Uint16(b), int(s.order.Uint16(b[2:]))
		b = b[4:]
		if code == 0 || n > len(b) {
			break
		}
		switch {
		case code == ngOptionResolution && n == 1:
			described.units = unitsOf(b[0])
		case code == ngOptionOffset && n == 8:
			described.offset = int64(s.order.Uint64(b))
		}
		b = b[min(len(b), (n+3)&^3):]
	}
	s.interfaces = append(s.interfaces, described)
	return nil
}

// unitsOf returns how many units of a resolution a second has: a negative power of
// 2 if the high bit is set, else of 10. What does not fit is taken for the default.
func unitsOf(resolution byte) uint64 {
	exponent := resolution &^ 0x80
	if resolution&0x80 != 0 && exponent < 64 {
		return 1 << exponent
	}
	if resolution&0x80 != 0 || exponent > 19 {
		return 1e6
	}
	units := uint64(1)
	for range exponent {
		units *= 10
	}
	return units
}

// wireLength is the length that a file says a packet had, which an int of 32 bits must
// hold too.
func wireLength(n uint32) int { return int(min(n, math.MaxInt32)) }

func (s *pcapng) simple(b []byte, p *packet) error {
	if len(b) < 4 || len(s.interfaces) == 0 {
		return fmt.Errorf("%w: a packet of no interface", ErrCut)
	}
	length := s.order.Uint32(b)
	data := b[4:]
	if snapLen := s.interfaces[0].snapLen; snapLen != 0 && uint32(len(data)) > snapLen {
		data = data[:snapLen]
	}
	data = data[:min(uint32(len(data)), length)]
	*p = packet{data: data, length: wireLength(length), time: s.last, link: s.interfaces[0].link}
	return nil
}

func (s *pcapng) enhanced(b []byte, p *packet) error {
	const fixed = 20
	if len(b) < fixed {
		return fmt.Errorf("%w: a packet's block of %d bytes", ErrCut, len(b))
	}
	index, captured := s.order.Uint32(b), s.order.Uint32(b[12:])
	if int64(index) >= int64(len(s.interfaces)) {
		return fmt.Errorf("%w: a packet of interface %d, of %d", ErrCut, index, len(s.interfaces))
	}
	if captured > uint32(len(b)-fixed) {
		return fmt.Errorf("%w: a packet of %d bytes in a block of %d", ErrCut, captured, len(b))
	}
	on := &s.interfaces[index]
	s.last = on.time(uint64(s.order.Uint32(b[4:]))<<32 | uint64(s.order.Uint32(b[8:])))
	*p = packet{data: b[fixed : fixed+captured], length: wireLength(s.order.Uint32(b[16:])), time: s.last, link: on.link}
	return nil
}

func (i *ngInterface) time(units uint64) time.Time {
	const end = 253402300800 // of the year 9999, the last that a record can show
	hi, lo := bits.Mul64(units%i.units, 1e9)
	nanoseconds, _ := bits.Div64(hi, lo, i.units)
	seconds := int64(min(units/i.units, end)) + i.offset
	if i.offset > end || seconds < 0 || seconds >= end {
		return time.Unix(0, 0).UTC()
	}
	return time.Unix(seconds, int64(nanoseconds)).UTC()
}
