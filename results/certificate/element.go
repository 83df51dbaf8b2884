package certificate

import "iter"

// Identifier octets (X.690 §8.1.2) of the types that X.509 is made of.
const (
	tagBoolean     = 0x01
	tagInteger     = 0x02
	tagBitString   = 0x03
	tagOctetString = 0x04
	tagOID         = 0x06

	tagConstructed = 0x20
	tagExplicit0   = 0xa0 // [0], constructed
	tagExplicit3   = 0xa3
)

// element is one BER element. DER is the special case that x509 accepts; here
// lengths may also be indefinite, longer than they need be, or point past the
// end of the bytes.
type element struct {
	tag     byte   // the identifier octet; high tag numbers keep only their first one
	full    []byte // header, content and end-of-contents
	content []byte
	cut     bool // the bytes ended before the content did
}

func (e element) constructed() bool { return e.tag&tagConstructed != 0 }

// inside returns a reader of the elements that e is made of; of a primitive one
// there are none.
func (e element) inside() reader {
	if !e.constructed() {
		return nil
	}
	return e.content
}

// children yields the elements inside e until one cannot be read. Nothing here
// recurses: whoever calls it decides how deep to go.
func (e element) children() iter.Seq[element] {
	return func(yield func(element) bool) {
		for d := e.inside(); ; {
			child, ok := d.next()
			if !ok || !yield(child) {
				return
			}
		}
	}
}

// first returns the first element inside e.
func (e element) first() (element, bool) {
	d := e.inside()
	return d.next()
}

// octets returns the value of a string type, which BER also allows to be sent
// in pieces (X.690 §8.7.3).
func (e element) octets() []byte {
	if !e.constructed() {
		return e.content
	}
	var whole []byte
	for piece := range e.children() {
		if !piece.constructed() {
			whole = append(whole, piece.content...)
		}
	}
	return whole
}

// reader reads BER elements one after the other.
type reader []byte

// next returns the next element and moves past it. It reports false at the end
// and where no element can be read. Of elements that were cut it returns
// those that hold others, which in X.509 includes octet and bit strings; half a
// value is no value.
func (d *reader) next() (element, bool) {
	// Small enough to be inlined, which keeps d off the garbage collector's path.
	e, rest, ok := readElement(*d)
	*d = rest
	return e, ok
}

// readElement reads the element that in begins with and returns what follows.
func readElement(in []byte) (e element, rest []byte, ok bool) {
	header, length, ok := readHeader(in)
	if !ok {
		return element{}, nil, false
	}
	e.tag = in[0]
	end := len(in)
	switch {
	case length < 0:
		e.content, e.full, e.cut = untilEndOfContents(in, header)
		end = len(e.full)
	case length > len(in)-header:
		e.content, e.full, e.cut = in[header:], in, true
	default:
		end = header + length
		e.content, e.full = in[header:end], in[:end]
	}
	if e.cut && !e.constructed() && e.tag != tagOctetString && e.tag != tagBitString {
		return element{}, nil, false
	}
	return e, in[end:], true
}

// readHeader reads an identifier and a length (X.690 §8.1.2, §8.1.3). The
// length is -1 when it is indefinite, and at most len(in)+1 when it is absurd.
func readHeader(in []byte) (header, length int, ok bool) {
	if len(in) < 2 {
		return 0, 0, false
	}
	i := 1
	if in[0]&0x1f == 0x1f {
		for i < len(in) && in[i]&0x80 != 0 {
			i++
		}
		i++
	}
	if i >= len(in) {
		return 0, 0, false
	}
	l := in[i]
	i++
	if l&0x80 == 0 {
		return i, int(l), true
	}
	if l == 0x80 {
		// Only what is constructed has an end-of-contents to look for.
		return i, -1, in[0]&tagConstructed != 0
	}
	octets := int(l & 0x7f)
	if octets > len(in)-i {
		return 0, 0, false
	}
	for _, b := range in[i : i+octets] {
		length = min(length<<8|int(b), len(in)+1)
	}
	return i + octets, length, true
}

// untilEndOfContents finds the end of an indefinite length. It counts levels
// rather than descending, so it reads each octet once however deep they nest.
func untilEndOfContents(in []byte, start int) (content, full []byte, cut bool) {
	depth := 1
	for i := start; i < len(in); {
		header, length, ok := readHeader(in[i:])
		switch {
		case !ok || length > len(in)-i-header:
			return in[start:], in, true
		case length < 0:
			depth++
			i += header
		case in[i] == 0 && length == 0:
			depth--
			if depth == 0 {
				return in[start:i], in[:i+header], false
			}
			i += header
		default:
			i += header + length
		}
	}
	return in[start:], in, true
}
