package html_test

import (
	"flag"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"certsweep/results"
	"certsweep/results/certificate"
	"certsweep/results/policy"
)

// pages are what the tests look at.
func pages(t testing.TB) map[string]string {
	var baseline policy.Baseline
	for _, r := range recorded(t, "baseline-old") {
		baseline.Add(r)
	}
	return map[string]string{
		"mixed":    write(t, nil, recorded(t, "good", "findings", "errors", "client-cert")...),
		"hostile":  write(t, nil, recorded(t, "hostile")...),
		"baseline": write(t, &baseline, recorded(t, "baseline-new")...),
		"errors":   write(t, nil, recorded(t, "errors")...),
		"empty":    write(t, nil),
	}
}

func TestPagesOpen(t *testing.T) {
	for name, file := range pages(t) {
		p := open(t, file, "", wide)
		title := ask[string](p, `document.title`)
		if !strings.HasSuffix(title, " · certsweep") {
			t.Errorf("%s: its title is %q", name, title)
		}
		if name == "empty" {
			if got := ask[bool](p, `document.querySelector("table") === null && document.body.innerText.includes("There is nothing to show")`); !got {
				t.Errorf("%s: %s", name, ask[string](p, `document.body.innerText`))
			}
			continue
		}
		if got := p.names(); len(got) == 0 || p.status() != fmt.Sprintf("%d endpoints", len(got)) {
			t.Errorf("%s: %d rows, and it says %q", name, len(got), p.status())
		}
		// Nothing is wider than the screen, and the timeline as high as its box.
		for _, s := range []screen{wide, laptop, phone, pocket} {
			p.do(chromedp.EmulateViewport(s.width, s.height))
			if !ask[bool](p, `[...document.querySelectorAll(".scroll")].every(e => e.scrollHeight <= e.clientHeight)`) {
				t.Errorf("%s: the timeline scrolls on a screen of %d", name, s.width)
			}
			if got := ask[int64](p, `document.documentElement.scrollWidth`); got > s.width {
				t.Errorf("%s: %d wide on a screen of %d", name, got, s.width)
			}
		}
	}
}

func TestSorts(t *testing.T) {
	p := open(t, pages(t)["mixed"], "", wide)
	if first := p.names()[0]; first != "expired.example.com:443" {
		t.Errorf("the worst is %s", first)
	}
	press := func(column string) []string {
		p.do(chromedp.Click(chromedp.CSS(`th[data-sort="` + column + `"] button`)))
		return p.names()
	}
	up := press("name")
	if !slices.IsSortedFunc(up[:10], strings.Compare) {
		t.Errorf("by name: %q", up)
	}
	down := press("name")
	slices.Reverse(down)
	if !slices.Equal(up, down) {
		t.Errorf("not the reverse: %q, %q", up, down)
	}
	if got := ask[string](p, `document.querySelector("th[aria-sort]").dataset.sort + document.querySelector("th[aria-sort]").ariaSort`); got != "namedescending" {
		t.Errorf("said to be sorted by %s", got)
	}
	press("end")
	ends := ask[[]string](p, `[...document.querySelectorAll("#rows .c-end .sub")].map(e => e.textContent)`)
	last := ask[string](p, `[...document.querySelectorAll("#rows tr")].at(-1).querySelector(".c-end").textContent`)
	if len(ends) < 10 || !slices.IsSorted(ends) || last != "" {
		t.Errorf("by end: %q, at last %q", ends, last)
	}
}

func TestFilters(t *testing.T) {
	file := pages(t)["mixed"]
	p := open(t, file, "", wide)
	all := len(p.names())
	// Every bar, column and headline number leads to as many rows as it says.
	links := ask[[]struct{ Key, Value, Count string }](p, `[...document.querySelectorAll("a[data-key]")].map(a => ({
		key: a.dataset.key, value: a.dataset.value,
		count: a.dataset.key === "week" ? a.getAttribute("aria-label").split(" ")[0] : a.querySelector(".number, .count").textContent.trim(),
	}))`)
	if len(links) < 20 {
		t.Fatalf("%d links", len(links))
	}
	for i, link := range links {
		p.run(fmt.Sprintf(`document.querySelectorAll("a[data-key]")[%d].dispatchEvent(new MouseEvent("click", {bubbles: true, cancelable: true}))`, i))
		if got := fmt.Sprint(len(p.names())); got != link.Count {
			t.Errorf("%s %s says %s, and %s are shown", link.Key, link.Value, link.Count, got)
		}
		// The address alone shows the same.
		if got := ask[string](p, `new URLSearchParams(location.hash.slice(1)).get("`+link.Key+`")`); got != link.Value {
			t.Errorf("%s %s: the address has %q", link.Key, link.Value, got)
		}
		if link.Count == "0" {
			if !ask[bool](p, `document.getElementById("table").hidden && !document.getElementById("nothing").hidden`) {
				t.Errorf("%s %s: nothing says that there is nothing", link.Key, link.Value)
			}
		}
		p.do(chromedp.Click(chromedp.CSS("#chips button")))
		if got := len(p.names()); got != all {
			t.Fatalf("%s %s: %d of %d rows without the filter", link.Key, link.Value, got, all)
		}
	}
	other := open(t, file, "level=fail&level=warn&key=ECDSA+P-256", wide)
	both := other.names()
	one := open(t, file, "level=fail&level=warn", wide).names()
	if len(both) == 0 || len(both) >= len(one) {
		t.Errorf("%q of %q", both, one)
	}
	// The way back leads to what was shown before.
	other.do(chromedp.Click(chromedp.CSS(`a.tile[data-value="fail"]`)))
	if slices.Equal(other.names(), both) {
		t.Error("nothing changed")
	}
	other.run(`history.back()`)
	other.until(`document.querySelectorAll("#chips button").length === 3`)
	if got := other.names(); !slices.Equal(got, both) {
		t.Errorf("back at %q, not at %q", got, both)
	}
}

func TestSearches(t *testing.T) {
	p := open(t, pages(t)["mixed"], "", wide)
	for _, test := range []struct{ search, status string }{
		{"EXPIRED.example", "1 of "}, {"let's encrypt weak key", "1 of "}, {"no such thing anywhere", "0 of "},
	} {
		p.run(`document.getElementById("search").value = ""`)
		p.do(chromedp.SendKeys(chromedp.CSS("#search"), test.search))
		p.until(`document.getElementById("status").textContent.startsWith("` + test.status + `")`)
	}
	p.do(chromedp.Click(chromedp.CSS("#clear")))
	if got := ask[string](p, `document.activeElement.id + document.getElementById("search").value`); got != "search" || strings.Contains(p.status(), "of") {
		t.Errorf("cleared: %q, %q", got, p.status())
	}
}

func TestRowsOpen(t *testing.T) {
	records := recorded(t, "good", "findings")
	above := *records[1].Certificate
	above.Subject.DN = "CN=R11,O=Let's Encrypt,C=US"
	records[0].Chain = append(records[0].Chain, &above)
	p := open(t, write(t, nil, records...), "q="+url.QueryEscape(records[0].Host), wide)
	// By keyboard alone: from the search to the first row.
	p.do(chromedp.KeyEvent("/"))
	if got := ask[string](p, `document.activeElement.id`); got != "search" {
		t.Errorf("/ leads to %q", got)
	}
	p.run(`document.querySelector("#rows .name").focus()`)
	p.do(chromedp.KeyEvent("\r"))
	detail := ask[string](p, `document.querySelector("#rows .detail").innerText`)
	for _, want := range []string{"Nothing to do", records[0].Certificate.FingerprintSHA256, records[0].Certificate.Subject.DN, "CN=R11,O=Let's Encrypt,C=US", "trusted", " to 2"} {
		if !strings.Contains(detail, want) {
			t.Errorf("%q is not in %s", want, detail)
		}
	}
	if got := ask[string](p, `document.querySelector("#rows .name").ariaExpanded`); got != "true" {
		t.Errorf("expanded: %s", got)
	}
	p.do(chromedp.KeyEvent("\r"))
	if ask[bool](p, `document.querySelector("#rows .detail") !== null`) {
		t.Error("it does not close")
	}
}

func TestChangesAreShown(t *testing.T) {
	p := open(t, pages(t)["baseline"], "", wide)
	got := ask[[]string](p, `[...document.querySelectorAll('a[data-key="change"] .label')].map(e => e.textContent.trim())`)
	for _, want := range []string{"certificate replaced", "key changed", "gone from the list", "no longer reachable"} {
		if !slices.Contains(got, want) {
			t.Errorf("%q is not among %q", want, got)
		}
	}
}

// TestHostile puts what a peer or a list could send everywhere it can stand.
func TestHostile(t *testing.T) {
	const attack = `</script><script>window.pwned=1</script><img src=x onerror="window.pwned=2">'"` + "`${window.pwned=3}`" + "\u202e\u2028\x00\xff --><!--"
	r := recorded(t, "findings")[4]
	r.Host, r.Input, r.SNI, r.Tag, r.IP, r.StartTLS = attack, attack, attack+"x", attack, attack, attack
	c := r.Certificate
	c.Subject = certificate.Name{DN: attack + strings.Repeat("A", 1<<20), CommonName: attack, Organization: []string{attack}}
	c.Issuer, c.SerialNumber, c.SignatureAlgorithm, c.FingerprintSHA256 = c.Subject, attack, attack, attack
	c.DNSNames = slices.Repeat([]string{attack + strings.Repeat("n", 1000)}, 10_000)
	c.PublicKey = certificate.PublicKey{Algorithm: attack, Curve: attack}
	r.Chain = slices.Repeat([]*certificate.Certificate{c}, 100)
	r.TLS.Version, r.TLS.Cipher, r.TLS.KeyExchange, r.TLS.ALPN = attack, attack, attack, attack
	r.Verification.Error = attack
	r.Findings = append(r.Findings, results.Finding(attack), results.NameMismatch, results.Malformed)
	file := write(t, nil, r)
	if info, err := os.Stat(file); err != nil || info.Size() > 200<<10 {
		t.Errorf("a page of %d bytes for one endpoint, %v", info.Size(), err)
	}
	for _, s := range []screen{wide, pocket} {
		p := open(t, file, "", s)
		p.run(`document.querySelector("#rows .name").click()`)
		if !ask[bool](p, `window.pwned === undefined && document.scripts.length === 1 && document.images.length === 0`) {
			t.Error("it ran")
		}
		if got := p.names(); len(got) != 1 || !strings.Contains(got[0], `</script><script>window.pwned=1</script>`) || !strings.Contains(got[0], `\u202e\u2028\x00`) {
			t.Errorf("shown as %q", got)
		}
		if got := ask[int64](p, `document.documentElement.scrollWidth`); got > s.width {
			t.Errorf("%d wide on a screen of %d: %v", got, s.width, ask[[]string](p, `[...document.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > innerWidth).map(e => e.tagName + "." + e.className)`))
		}
		if got := ask[string](p, `document.querySelector(".detail").innerText`); !strings.Contains(got, " and 9,960 more") || len(got) > 50_000 {
			t.Errorf("%d bytes of detail", len(got))
		}
		// Each bar is a filter for just what it says.
		for _, key := range []string{"issuer", "key", "version", "group", "tag"} {
			p.run(`document.querySelector('a[data-key="` + key + `"]').click()`)
			if got := p.names(); len(got) != 1 {
				t.Errorf("%s: %d rows", key, len(got))
			}
		}
	}
}

func TestWithoutScripts(t *testing.T) {
	p := open(t, pages(t)["mixed"], "", wide, command(emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}))
	p.do(command(emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{}))
	text := ask[string](p, `document.body.innerText`)
	for _, want := range []string{"expired.example.com:443", "expired 10 days ago", "These are the worst.", "What expires when"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in %s", want, text)
		}
	}
}

// TestScreenshots is for people who change the page, who look at it:
//
//	go test ./results/report/html -run Screenshots -shots DIR [-args MORE.html...]
func TestScreenshots(t *testing.T) {
	if *shots == "" {
		return // nobody asked for them
	}
	files := pages(t)
	for _, name := range flag.Args() {
		files[strings.TrimSuffix(filepath.Base(name), ".html")] = name
	}
	for name, file := range files {
		for _, s := range []screen{wide, dark, laptop, phone, pocket} {
			p := open(t, file, "", s)
			for _, part := range []string{"top", "whole", "open"} {
				take := chromedp.CaptureScreenshot()
				switch part {
				case "whole":
					take = chromedp.FullScreenshot(100)
				case "open":
					p.run(`document.querySelector("#rows .name")?.click(); document.querySelector(".tools")?.scrollIntoView()`)
				}
				picture, err := chromedp.Run(p, take)
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(*shots, name+"-"+s.name+"-"+part+".png"), picture, 0o666); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

// axe is axe-core's script (npm install -g axe-core), "" if there is none.
func axe(t testing.TB) string {
	root, err := exec.Command("npm", "root", "-g").Output()
	if err != nil {
		t.Skipf("no npm: %v", err)
	}
	script, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(root)), "axe-core", "axe.min.js"))
	if err != nil {
		t.Skipf("no axe-core (npm install -g axe-core): %v", err)
	}
	return string(script)
}

// TestAccessible has axe-core look at every page, on screens of all kinds, with
// a row open and a filter set.
func TestAccessible(t *testing.T) {
	if testing.Short() {
		t.Skip("twenty pages take as many seconds")
	}
	script := axe(t)
	for name, file := range pages(t) {
		for _, s := range []screen{wide, dark, phone, pocket} {
			p := open(t, file, "", s)
			p.run(`document.querySelector("#rows .name")?.click(); document.querySelector(".bars a")?.click()`)
			p.run(script)
			found, err := chromedp.Run(p, chromedp.Evaluate[[]string](`axe.run({runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}).then(
				r => r.violations.flatMap(v => v.nodes.map(n => v.id + ": " + n.target + " " + n.failureSummary)))`, chromedp.EvalAwaitPromise))
			if err != nil {
				t.Fatal(err)
			}
			for _, violation := range found {
				t.Errorf("%s, %s: %s", name, s.name, violation)
			}
		}
	}
}
