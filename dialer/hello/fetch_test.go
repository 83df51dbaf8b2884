package hello

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

func TestFetchScripted(t *testing.T) {
	t.Parallel()
	leaf := []byte("leaf")
	hello := plainServerHello(versionTLS12, 0x002F)
	certificate := certificateMessage(leaf)
	flight := append(bytes.Clone(hello), certificate...)
	warning := record(recordAlert, []byte{alertLevelWarning, 112})
	ssl30 := func(b []byte) []byte { b[2] = 0; return b }
	for name, test := range map[string]struct {
		peer []byte
		want error // nil: the leaf is there
	}{
		"SSL 3.0":           {append(ssl30(record(recordHandshake, plainServerHello(versionSSL30, 0x000A))), ssl30(record(recordHandshake, certificate))...), nil},
		"one record":        {record(recordHandshake, flight), nil},
		"one-byte records":  {cut(flight, 1), nil},
		"suite not offered": {record(recordHandshake, append(plainServerHello(versionTLS12, 0x0034), certificate...)), nil},
		"useless records": {slices.Concat(bytes.Repeat(warning, 16), record(recordHandshake, hello),
			bytes.Repeat(record(recordHandshake, nil), 8), bytes.Repeat(record(recordChangeCipherSpec, []byte{1}), 8),
			record(recordHandshake, certificate)), nil},
		"HelloRequest first": {record(recordHandshake, append(message(TypeHelloRequest, nil), flight...)), nil},
		"list longer than the message": {record(recordHandshake, append(bytes.Clone(hello),
			message(TypeCertificate, append([]byte{0xFF, 0, 0}, certificate[7:]...))...)), nil},
		"second certificate cut off": {record(recordHandshake, append(bytes.Clone(hello),
			message(TypeCertificate, slices.Concat([]byte{0, 0, 12}, certificate[7:], []byte{0, 9, 0, 1, 2}))...)), nil},
		"bytes after the list": {record(recordHandshake, append(bytes.Clone(hello),
			message(TypeCertificate, append(bytes.Clone(certificate[4:]), 1, 2, 3))...)), nil},

		"warnings for ever":        {bytes.Repeat(warning, maxUselessRecords+1), ErrTooLarge},
		"empty records":            {bytes.Repeat(record(recordHandshake, nil), maxUselessRecords+1), ErrTooLarge},
		"HelloRequests for ever":   {bytes.Repeat(cut(message(TypeHelloRequest, nil), 2), 1000), ErrTooLarge},
		"huge message":             {record(recordHandshake, []byte{TypeServerHello, 0xFF, 0xFF, 0xFF}), ErrTooLarge},
		"endless message":          {cut(append([]byte{TypeServerHello, 0x1F, 0xFF, 0xFF}, make([]byte, maxBytes)...), maxPlaintext), ErrTooLarge},
		"anonymous suite":          {record(recordHandshake, append(plainServerHello(versionTLS12, 0x0034), message(TypeServerKeyExchange, []byte{1, 2})...)), ErrNoCertificate},
		"ServerHelloDone":          {record(recordHandshake, append(bytes.Clone(hello), message(TypeServerHelloDone, nil)...)), ErrNoCertificate},
		"empty list":               {record(recordHandshake, append(bytes.Clone(hello), certificateMessage()...)), ErrNoCertificate},
		"alert":                    {record(recordAlert, []byte{2, 40}), AlertError(40)},
		"alert of another version": {[]byte{recordAlert, 0xFE, 0xFD, 0, 2, 2, 40}, AlertError(40)},
		"alert after the hello":    {append(record(recordHandshake, hello), record(recordAlert, []byte{2, 80})...), AlertError(80)},
		"close_notify":             {record(recordAlert, []byte{1, alertCloseNotify}), io.EOF},
		"nothing":                  {nil, io.EOF},
		"cut off in a header":      {record(recordHandshake, hello)[:3], io.ErrUnexpectedEOF},
		"cut off in a record":      {record(recordHandshake, hello)[:20], io.ErrUnexpectedEOF},
		"cut off in a message":     {record(recordHandshake, hello[:20]), io.EOF},

		"long alert":               {record(recordAlert, []byte{1, 0, 0}), &ProtocolError{}},
		"certificate at once":      {record(recordHandshake, certificate), &ProtocolError{}},
		"unknown message":          {record(recordHandshake, append(bytes.Clone(hello), message(99, nil)...)), &ProtocolError{}},
		"short ServerHello":        {record(recordHandshake, message(TypeServerHello, []byte{3, 3})), &ProtocolError{}},
		"version 9.9":              {record(recordHandshake, plainServerHello(0x0909, 0x002F)), &ProtocolError{}},
		"application data":         {append(record(recordHandshake, hello), record(recordApplicationData, []byte("x"))...), &ProtocolError{}},
		"Certificate of two bytes": {record(recordHandshake, append(bytes.Clone(hello), message(TypeCertificate, []byte{0, 0})...)), &ProtocolError{}},
		"first certificate cut off": {record(recordHandshake, append(bytes.Clone(hello),
			message(TypeCertificate, []byte{0, 0, 4, 0, 0, 9, 1})...)), &ProtocolError{}},
		"TLS, then not": {append(record(recordHandshake, hello), "HTTP/1.1 400 Bad Request"...), &RecordError{}},
		"oversized":     {append(record(recordHandshake, hello), recordHandshake, 3, 3, 0xFF, 0xFF), &RecordError{}},
		"HTTP":          {[]byte("HTTP/1.1 400 Bad Request\r\n\r\n"), &NotTLSError{}},
		"short banner":  {[]byte("-\n"), &NotTLSError{}},
		"SSL 2.0":       {[]byte{0x80, 0x0B, 4, 0, 1, 0, 2, 0, 0, 0, 0, 0, 0}, &NotTLSError{}},
		"garbage":       {bytes.Repeat([]byte{0xA5}, 1<<16), &NotTLSError{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for split, reader := range map[string]func(io.Reader) io.Reader{
				"whole":             func(r io.Reader) io.Reader { return r },
				"one byte a read":   iotest.OneByteReader,
				"data and EOF both": iotest.DataErrReader,
			} {
				for _, rung := range []Offer{Hello13(), Hello10()} {
					got, err := (&Client{Offer: rung}).Fetch(&stream{r: reader(bytes.NewReader(test.peer))})
					checkError(t, split, err, test.want)
					if ok := len(got.Certificates) == 1 && bytes.Equal(got.Certificates[0], leaf); ok != (test.want == nil) {
						t.Errorf("%s: got certificates %q", split, got.Certificates)
					}
				}
			}
		})
	}
}

// checkError compares types where want is an empty one, and values otherwise.
func checkError(t *testing.T, what string, err, want error) {
	t.Helper()
	ok := errors.Is(err, want)
	switch want.(type) {
	case *ProtocolError, *RecordError, *NotTLSError:
		ok = fmt.Sprintf("%T", err) == fmt.Sprintf("%T", want)
	}
	if !ok {
		t.Errorf("%s: got %v (%T), want %v (%T)", what, err, err, want, want)
	}
}

func TestFetchNotTLSKeepsFirstBytes(t *testing.T) {
	t.Parallel()
	banner := "220 " + strings.Repeat("m", 100)
	_, err := fetchBytes(&Client{}, []byte(banner))
	notTLS, ok := errors.AsType[*NotTLSError](err)
	if !ok || string(notTLS.First) != banner[:64] {
		t.Errorf("got %v", err)
	}
}

func TestFetchLargeChains(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		number, size int
		want         error
		kept         int
	}{
		{1, 1 << 20, nil, 1},
		{1000, 1 << 10, nil, 1000},
		{maxCertificates, 1, nil, maxCertificates},
		{maxCertificates + 1, 1, ErrTooLarge, maxCertificates},
		{3, 1 << 20, ErrTooLarge, 0},
	} {
		chain := make([][]byte, test.number)
		for i := range chain {
			chain[i] = bytes.Repeat([]byte{byte(i)}, test.size)
		}
		messages := append(plainServerHello(versionTLS12, 0x002F), certificateMessage(chain...)...)
		got, err := fetchBytes(&Client{}, cut(messages, maxPlaintext))
		if !errors.Is(err, test.want) || !slices.EqualFunc(got.Certificates, chain[:test.kept], bytes.Equal) {
			t.Errorf("%d certificates of %d bytes: kept %d, error %v", test.number, test.size, len(got.Certificates), err)
		}
	}
}

// What the same read brought after the certificate is noted; what it did not
// bring is not waited for.
func TestFetchReadsAtHand(t *testing.T) {
	t.Parallel()
	flight := record(recordHandshake, append(plainServerHello(versionTLS12, 0xC02F), certificateMessage([]byte("leaf"))...))
	rest := record(recordHandshake, slices.Concat(
		message(TypeCertificateStatus, []byte{1, 0, 0, 0}),
		message(TypeServerKeyExchange, []byte{3, 0, 0x1C, 1, 2}),
		message(TypeCertificateRequest, []byte{0}),
		message(TypeServerHelloDone, nil),
	))
	for split, r := range map[string]io.Reader{
		"one read":  bytes.NewReader(append(bytes.Clone(flight), rest...)),
		"two reads": io.MultiReader(bytes.NewReader(flight), iotest.ErrReader(errors.New("read too far"))),
	} {
		got, err := (&Client{}).Fetch(&stream{r: r})
		if err != nil || len(got.Certificates) != 1 {
			t.Errorf("%s: got %+v, error %v", split, got, err)
		}
		if whole := split == "one read"; (got.Group == 0x1C) != whole || got.ClientCertRequested != whole {
			t.Errorf("%s: got %+v", split, got)
		}
	}
}

func TestFetchNoProgress(t *testing.T) {
	t.Parallel()
	r := readerFunc(func([]byte) (int, error) { return 0, nil })
	if _, err := (&Client{}).Fetch(&stream{r: r}); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("got %v", err)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// flood is a message that never ends, in one-byte records.
func flood(n int) []byte {
	return cut(append([]byte{TypeServerHello, 0x1F, 0xFF, 0xFF}, make([]byte, n/6)...), 1)[:n]
}

func TestFloodAllocatesLittle(t *testing.T) {
	peer := flood(maxBytes)
	allocations := testing.AllocsPerRun(2, func() {
		if _, err := fetchBytes(&Client{}, peer); !errors.Is(err, ErrTooLarge) {
			t.Errorf("got %v", err)
		}
	})
	// Some 60 for the hello, and those that double a buffer up to 350 KB.
	if allocations > 200 {
		t.Errorf("%d records cost %.0f allocations", len(peer)/6, allocations)
	}
}

// The time per byte does not grow with the flood.
func BenchmarkFlood(b *testing.B) {
	for _, size := range []int{maxBytes / 8, maxBytes / 4, maxBytes / 2, maxBytes} {
		peer := flood(size)
		for split, r := range map[string]func() io.Reader{
			"segments": func() io.Reader { return bytes.NewReader(peer) },
			"bytes":    func() io.Reader { return iotest.OneByteReader(bytes.NewReader(peer)) },
		} {
			b.Run(fmt.Sprintf("%s/%dKiB", split, size>>10), func(b *testing.B) {
				b.SetBytes(int64(size))
				b.ReportAllocs()
				for b.Loop() {
					(&Client{Offer: Hello10()}).Fetch(&stream{r: r()})
				}
			})
		}
	}
}
