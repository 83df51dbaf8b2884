package html_test

import (
	"context"
	"flag"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"certsweep/results"
	"certsweep/results/policy"
	"certsweep/results/report"
)

// shots is for people who change the page: it has the pages of this package's
// tests photographed.
var shots = flag.String("shots", "", "write screenshots of the pages to this `directory`")

// now is two hours after the recorded records' scan.
var now = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// recorded reads files of the shared recorded records, renumbered as one list.
func recorded(t testing.TB, names ...string) []*results.Record {
	t.Helper()
	var records []*results.Record
	for _, name := range names {
		file, err := os.Open(filepath.Join("..", "..", "..", "testdata", "records", name+".jsonl"))
		if err != nil {
			t.Fatal(err)
		}
		for r, err := range results.Decode(file) {
			if err != nil {
				t.Fatal(err)
			}
			records = append(records, r)
			r.Line = len(records)
		}
		file.Close()
	}
	return records
}

// write writes the page of some records to a file and returns its name.
func write(t testing.TB, baseline *policy.Baseline, records ...*results.Record) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "report.html")
	file, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	p := policy.Default()
	p.Baseline = baseline
	page := report.New(report.HTML, file, report.Options{Now: now})
	for _, r := range records {
		v := p.Judge(r, now)
		if err := page.Add(&v); err != nil {
			t.Fatal(err)
		}
	}
	for v := range p.Gone() {
		if err := page.Add(&v); err != nil {
			t.Fatal(err)
		}
	}
	if err := page.Close(); err != nil {
		t.Fatal(err)
	}
	return name
}

// browser is one Chromium for all tests.
var browser = sync.OnceValues(func() (context.Context, error) {
	path, err := exec.LookPath("chromium")
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "certsweep-chromium-*")
	if err != nil {
		return nil, err
	}
	options := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(path), chromedp.UserDataDir(dir), chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true), chromedp.Flag("force-device-scale-factor", "1"),
		chromedp.Flag("hide-scrollbars", true),
	}
	allocator, stopAllocator := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, stop := chromedp.NewContext(allocator)
	closeBrowser = func() {
		stop()
		stopAllocator()
		os.RemoveAll(dir)
	}
	return ctx, chromedp.Do(ctx)
})

var closeBrowser = func() {}

func TestMain(m *testing.M) {
	flag.Parse()
	status := m.Run()
	closeBrowser()
	os.Exit(status)
}

// tab is one page in the browser, with all that it complained of and asked for.
type tab struct {
	context.Context
	t testing.TB

	mu         sync.Mutex
	complaints []string
	requests   []string
}

// screen is how a page is looked at.
type screen struct {
	name          string
	width, height int64
	scheme        string
}

var (
	wide   = screen{"wide", 1440, 900, "light"}
	laptop = screen{"laptop", 1024, 768, "dark"}
	phone  = screen{"phone", 390, 844, "light"}
	dark   = screen{"dark", 1440, 900, "dark"}
	pocket = screen{"pocket", 360, 740, "dark"}
)

// open opens a page of a file and waits until its script has run. It ends with
// the test, which fails for any complaint and any request.
func open(t testing.TB, file, fragment string, s screen, before ...chromedp.Action[chromedp.Void]) *tab {
	t.Helper()
	root, err := browser()
	if err != nil {
		t.Skipf("no browser (Debian: chromium): %v", err)
	}
	p := &tab{t: t}
	ctx, stop := chromedp.NewContext(root, chromedp.WithListener(p.listen))
	p.Context = ctx
	t.Cleanup(func() {
		stop()
		p.mu.Lock()
		defer p.mu.Unlock()
		if len(p.complaints) > 0 {
			t.Errorf("the page complains: %q", p.complaints)
		}
		if want := "file://" + file; len(p.requests) != 1 || !strings.HasPrefix(p.requests[0], want) {
			t.Errorf("the page asked for %q", p.requests)
		}
	})
	media := command(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: s.scheme}},
	})
	// The first run opens the tab and must have no time limit.
	if err := chromedp.Do(ctx, append(before, media, chromedp.EmulateViewport(s.width, s.height))...); err != nil {
		t.Fatal(err)
	}
	limited, stopLimited := context.WithTimeout(ctx, time.Minute)
	t.Cleanup(stopLimited)
	p.Context = limited
	p.do(command(log.Enable, cdp.Empty{}), command(network.Enable, network.EnableParams{}), command(runtime.Enable, cdp.Empty{}))
	address := url.URL{Scheme: "file", Path: file, Fragment: fragment}
	p.do(chromedp.Navigate(address.String()))
	return p
}

func (p *tab) listen(event any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventConsoleAPICalled:
		p.complaints = append(p.complaints, fmt.Sprintf("console.%s %v", e.Type, e.Args))
	case *runtime.EventExceptionThrown:
		p.complaints = append(p.complaints, fmt.Sprintf("%+v", *e.ExceptionDetails))
	case *log.EventEntryAdded:
		p.complaints = append(p.complaints, e.Entry.Text)
	case *network.EventRequestWillBeSent:
		if !strings.HasPrefix(e.Request.URL, "data:") {
			p.requests = append(p.requests, e.Request.URL)
		}
	}
}

// command is an action of the protocol that returns nothing.
func command[P, R any](c cdp.Command[P, R], parameters P) chromedp.Action[chromedp.Void] {
	return func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, t, c, parameters)
		return chromedp.Void{}, err
	}
}

func (p *tab) do(actions ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	if err := chromedp.Do(p, actions...); err != nil {
		p.t.Fatal(err)
	}
}

// run runs statements of JavaScript.
func (p *tab) run(statements string) {
	p.t.Helper()
	p.do(chromedp.Evaluate[chromedp.Void](statements))
}

// ask returns the value of an expression.
func ask[T any](p *tab, expression string) T {
	p.t.Helper()
	value, err := chromedp.Run(p, chromedp.Evaluate[T](expression))
	if err != nil {
		p.t.Fatalf("%s: %v", expression, err)
	}
	return value
}

// until waits for an expression to become true.
func (p *tab) until(expression string) {
	p.t.Helper()
	if _, err := chromedp.Run(p, chromedp.Poll[bool](expression)); err != nil {
		p.t.Fatalf("%s: %v", expression, err)
	}
}

// names are the endpoints that the table shows.
func (p *tab) names() []string {
	p.t.Helper()
	return ask[[]string](p, `[...document.querySelectorAll("#rows .name")].map(e => e.textContent)`)
}

func (p *tab) status() string {
	p.t.Helper()
	return ask[string](p, `document.getElementById("status").textContent`)
}
