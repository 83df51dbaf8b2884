package list

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// read returns the lines of a list, each as one word.
func read(r io.Reader, f Format) (lines []string, err error) {
	for line, err := range NewReader(r, f).All() {
		if err != nil {
			return lines, err
		}
		text := fmt.Sprintf("%d %s", line.Number, line.Text)
		if line.Err != nil {
			text = fmt.Sprintf("%d ! %v", line.Number, line.Err)
		}
		lines = append(lines, text)
	}
	return lines, nil
}

// TestLists: the lists of testdata, which testdata/script/lists.txtar shows the
// targets of, have the same lines however few bytes come at once.
func TestLists(t *testing.T) {
	names, err := filepath.Glob("../../testdata/lists/*.*")
	if err != nil || len(names) < 30 {
		t.Fatal(names, err)
	}
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		want, err := read(bytes.NewReader(data), Auto)
		if err != nil || len(want) == 0 {
			t.Errorf("%s: %d lines, %v", name, len(want), err)
		}
		for what, r := range map[string]io.Reader{
			"bytes": iotest.OneByteReader(bytes.NewReader(data)), "halves": iotest.HalfReader(bytes.NewReader(data)), "end": iotest.DataErrReader(bytes.NewReader(data)),
		} {
			if got, err := read(r, Auto); err != nil || !slices.Equal(got, want) {
				t.Errorf("%s by %s: %v\n%q\nwant\n%q", name, what, err, got, want)
			}
		}
	}
}

func TestEntries(t *testing.T) {
	for _, test := range []struct{ list, want string }{
		// Columns and keys.
		{"host,port\na.test,8443\n", "2 a.test:8443"},
		{"ip,port,sni\n192.0.2.1,8443,a.test\n2001:db8::1,,\n", "2 192.0.2.1,a.test,8443|3 2001:db8::1"},
		{"saddr,sport\n2001:db8::1,443\n", "2 [2001:db8::1]:443"},
		{"Host\n", ""},
		{"fqdn\tip\na.test\t192.0.2.1\n", "2 192.0.2.1,a.test"},
		{"host,ip\na.test,192.0.2.1\n", "2 a.test"}, // results: the host is asked for anew
		{"host,port,tag\na.test,443,\"x \"\"y\"\" z\"\n", `2 a.test:443 tag="x \"y\" z"`},
		{"host,port\na.test,53/udp\nb.test,443/tcp\n", "3 b.test:443"},
		{"host,port\nb.test:8443\n# none\n\n,\n", "2 b.test:8443|5 ! there is neither a host nor an address in it"},
		{"host,port\n\"a.test,443\nb.test,443\n", `2 ! not a row of CSV: extraneous or missing " in quoted-field|3 b.test:443`},
		{"a.test,443\nhost,port\n", "1 a.test,443|2 host,port"},
		{`{"host":"a.test","port":443,"ip":"192.0.2.1"}`, "1 a.test:443"},
		{`{"IP":"192.0.2.1","Server-Name":"a.test"}`, "1 192.0.2.1,a.test"},
		{`{"host":"192.0.2.1","sni":"a.test","port":25,"starttls":"smtp","tag":"x y"}`, `1 192.0.2.1,a.test,25 starttls=smtp tag="x y"`},
		{`{"host":"a.test","port":0}`, "1 a.test"},
		{`{"ip":"192.0.2.1","ports":[{"port":443,"proto":"tcp","status":"closed"}]}`, ""},
		{`{"ip":"192.0.2.1","ports":[{"port":443,"proto":"tcp","service":{"name":"X509"}}]}`, ""},
		{"{\"host\":\"a.test\"},\n{\"host\":\"b.test\"}\n{finished: 1}\n", "1 a.test|2 b.test"},
		{"{\"host\":1}\n{\"host\":\n{\"host\":\"b.test\"}\n", "1 1|2 ! not an object of JSON: unexpected end of JSON input|3 b.test"},
		// What would mean something to the grammar is no host.
		{`{"host":"@defaults","tag":"x"}`, `1 ! "@defaults" is not a host name`},
		{`{"host":"a.test tag=x"}`, `1 ! "a.test tag=x" is not a host name`},
		{`{"host":"https://a.test/ sni=x"}`, `1 "https://a.test/ sni=x"`},
		{`{"host":"a.test","tag":"x\" sni=\"y"}`, `1 a.test tag="x\" sni=\"y"`},
		// Documents.
		{"[\"a.test\",\n# none\nb.test tag=x\n{\"host\":\"c.test\"}]", "1 a.test|3 b.test tag=x|4 c.test"},
		{"[{\"host\":\"a.test\",\"x\":\"cut\noff\"},\n{\"host\":\"b.test\"}]", `1 ! not an object of JSON: unexpected end of JSON input|2 off"},|3 b.test`},
		{"{\n \"host\": \"a.test\"\n}\n{\n \"host\": \"b.test\"\n}", "1 a.test|4 b.test"},
		{"[]", ""},
		{"<?xml?><nmaprun></nmaprun>", ""},
		{"<nmaprun><host><address addr=\"192.0.2.1\" addrtype=\"ipv4\"/>\n<ports><port protocol=\"tcp\" portid=\"443\"><state state=\"open\"/></port>\n<host ><address addr=\"192.0.2.2\"/><ports><port portid=\"443\"><state state=\"open\"/></port></ports></host>",
			"1 ! not a host element of nmap's -oX: XML syntax error on line 2: unexpected EOF|3 192.0.2.2:443"},
		// An address in brackets is no array, and a list may begin with blanks.
		{"[2001:db8::1]:443\n", "1 [2001:db8::1]:443"},
		{"\n\n {\"host\":\"a.test\"}\n", "3 a.test"},
		{"\uFEFFhost,port\na.test,443\n", "2 a.test:443"},
		{"Host: 192.0.2.1 ()\tStatus: Up\nHost: 192.0.2.1\nHost: 192.0.2.1 ()\tPorts: 443\n",
			"2 ! not a line of nmap's -oG: there is no tab after the host|3 ! not a port of nmap's -oG: 443/open/tcp//https///"},
		{"Discovered open port 443/tcp on\nDiscovered open port 53/udp on 192.0.2.1\n", "1 ! not a discovery: Discovered open port 443/tcp on 192.0.2.1"},
		{"open tcp x 192.0.2.1 1\nbanner tcp 443 192.0.2.1 1 X509 MII\nopen udp 53 192.0.2.1 1\n", "1 ! not a line of masscan's -oL: open tcp 443 192.0.2.1 1795691711"},
		{"open\n", "1 open"},
	} {
		got, err := read(strings.NewReader(test.list), Auto)
		if s := strings.Join(got, "|"); err != nil || s != test.want {
			t.Errorf("%q: %v\ngot  %s\nwant %s", test.list, err, s, test.want)
		}
	}
}

// TestFormats: a format that is named is not guessed.
func TestFormats(t *testing.T) {
	for _, test := range []struct {
		format     Format
		list, want string
	}{
		{Text, "{\"host\":\"a.test\"}\nhost,port\n", `1 {"host":"a.test"}|2 host,port`},
		{CSV, "\"a.test\",443\n", `1 "a.test",443`},
		{CSV, "name,port\na.test,443\n", "2 a.test:443"},
		{JSON, "{\"host\":\"a.test\"}{\"host\":\"b.test\"}", "1 a.test|2 b.test"},
		{JSONLines, "{\n", "1 ! not an object of JSON: unexpected end of JSON input"},
		{XML, " x <nmaprun>\n<host><address addr=\"192.0.2.1\"/><ports><port portid=\"1\"><state state=\"open\"/></port></ports></host>", "2 192.0.2.1:1"},
	} {
		got, err := read(strings.NewReader(test.list), test.format)
		if s := strings.Join(got, "|"); err != nil || s != test.want {
			t.Errorf("%s %q: %v\ngot  %s\nwant %s", test.format, test.list, err, s, test.want)
		}
	}
	if _, err := read(strings.NewReader("<html>"), XML); err == nil {
		t.Error("HTML is no list")
	}
}

// TestDamaged: what is packed and damaged ends with an error that names it.
func TestDamaged(t *testing.T) {
	for _, name := range []string{"plain.txt.gz", "plain.txt.bz2", "plain.txt.zst", "utf16.txt.gz"} {
		data, err := os.ReadFile("../../testdata/lists/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if lines, err := read(bytes.NewReader(data[:len(data)-6]), Auto); err == nil || !strings.Contains(err.Error(), "damaged") {
			t.Errorf("%s cut off: %q, %v", name, lines, err)
		}
		data[len(data)/2] ^= 0x55
		if _, err := read(bytes.NewReader(data), Auto); err == nil || !strings.Contains(err.Error(), "damaged") {
			t.Errorf("%s with an error: %v", name, err)
		}
	}
	for magic, want := range map[string]string{"\xfd7zXZ\x00\x00": "xzcat", "PK\x03\x04": "unzip -p", "7z\xbc\xaf\x27\x1c": "7z x -so", "\x1f\x8b": "damaged gzip", "\x28\xb5\x2f\xfd": "damaged zstd"} {
		if _, err := read(strings.NewReader(magic), Auto); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", magic, err)
		}
	}
	broken := errors.New("broken")
	for _, text := range []string{"", "a.test\n", "[", "{", "<?xml", "\x1f\x8b\x08"} {
		if _, err := read(io.MultiReader(strings.NewReader(text), iotest.ErrReader(broken)), Auto); !errors.Is(err, broken) {
			t.Errorf("after %q: %v", text, err)
		}
	}
}

// repeated yields a text over and over.
type repeated struct {
	text string
	left int64
	at   int
}

func (r *repeated) Read(p []byte) (n int, err error) {
	for n < len(p) && r.left > 0 {
		copied := copy(p[n:], r.text[r.at:])
		copied = int(min(int64(copied), r.left))
		r.at = (r.at + copied) % len(r.text)
		n, r.left = n+copied, r.left-int64(copied)
	}
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

// TestLongLines: a line of 8 MiB, whatever its form is, or what it was
// compressed to, is one line that is too long, its neighbours are read, and it
// takes next to no memory.
func TestLongLines(t *testing.T) {
	const size = 8 << 20
	for name, test := range map[string]struct {
		before, long, after string
		wants               int
	}{
		"text":       {"a.test\n", "x", "\nb.test\n", 3},
		"object":     {"{\"host\":\"a.test\"}\n{\"host\":\"", "x", "\"}\n{\"host\":\"b.test\"}\n", 3},
		"row":        {"host,port\na.test,443\n\"", "x,", "\"\nb.test,443\n", 3},
		"grepable":   {"Host: 192.0.2.1 ()\tPorts: 443/open/tcp//\nHost: 192.0.2.1 ()\tPorts: ", "443/open/tcp//,", "\nb.test\n", 3},
		"document":   {"[\n{\"host\":\"a.test\"},\n{\"host\":[", "[", "\n{\"host\":\"b.test\"}]", 3},
		"string":     {"[\"a.test\",\n\"", "x", "\",\"b.test\"]", 3},
		"xml":        {"<nmaprun>\n<host><address addr=\"192.0.2.1\"/><ports><port portid=\"1\"><state state=\"open\"/></port></ports></host><host>", "<x>", "</host>", 2},
		"attributes": {"a.test\nb.test ", "tag=x ", "\nc.test\n", 3},
	} {
		for _, packed := range []bool{false, true} {
			source := io.MultiReader(strings.NewReader(test.before), &repeated{text: test.long, left: size}, strings.NewReader(test.after))
			if packed {
				var b bytes.Buffer
				z, _ := gzip.NewWriterLevel(&b, gzip.BestSpeed)
				if _, err := io.Copy(z, source); err != nil {
					t.Fatal(err)
				}
				z.Close()
				source = &b
			}
			runtime.GC()
			var before, during runtime.MemStats
			runtime.ReadMemStats(&before)
			count, long := 0, 0
			for line, err := range NewReader(source, Auto).All() {
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				count++
				if errors.Is(line.Err, ErrTooLong) {
					long++
				}
				if len(line.Text) > maxKept {
					t.Errorf("%s: %d bytes are kept", name, len(line.Text))
				}
			}
			runtime.ReadMemStats(&during)
			if count != test.wants || long != 1 {
				t.Errorf("%s: %d lines, %d of them too long", name, count, long)
			}
			if grown := during.TotalAlloc - before.TotalAlloc; grown > 8<<20 {
				t.Errorf("%s (packed: %v): %d MiB were allocated in all", name, packed, grown>>20)
			}
		}
	}
}

// FuzzReader: whatever a list is, its lines have rising numbers, and a line that
// has a target has nothing of another.
func FuzzReader(f *testing.F) {
	names, err := filepath.Glob("../../testdata/lists/*.*")
	if err != nil || len(names) == 0 {
		f.Fatal(names, err)
	}
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		for i := range Formats() {
			f.Add(data, uint8(i))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, format uint8) {
		all := Formats()
		r := NewReader(bytes.NewReader(data), all[int(format)%len(all)])
		last := 0
		for line, err := range r.All() {
			if err != nil {
				return
			}
			if line.Number <= last || line.Number > r.Lines() {
				t.Fatalf("line %d after line %d, of %d", line.Number, last, r.Lines())
			}
			last = line.Number
			if len(line.Text) > maxObject {
				t.Fatalf("line %d has %d bytes", line.Number, len(line.Text))
			}
		}
	})
}

func BenchmarkReader(b *testing.B) {
	for name, line := range map[string]string{
		"text": "www.example.com:8443 tag=x\n", "csv": "www.example.com,8443\n", "jsonl": `{"host":"www.example.com","ip":"192.0.2.1","port":"443","sni":"www.example.com"}` + "\n",
		"nmap": "Host: 192.0.2.10 ()\tPorts: 80/closed/tcp//http///, 443/open/tcp//https///\n",
		"xml":  `<host endtime="1795691721"><address addr="192.0.2.10" addrtype="ipv4"/><ports><port protocol="tcp" portid="8443"><state state="open" reason="syn-ack" reason_ttl="64"/></port></ports></host>`,
	} {
		list := strings.Repeat(line, 1000)
		switch name {
		case "csv":
			list = "host,port\n" + list
		case "xml":
			list = "<nmaprun>" + list
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				n := 0
				for _, err := range NewReader(strings.NewReader(list), Auto).All() {
					if err != nil {
						b.Fatal(err)
					}
					n++
				}
				if n != 1000 {
					b.Fatal(n)
				}
			}
		})
	}
}
