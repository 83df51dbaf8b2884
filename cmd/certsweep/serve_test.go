package main

import (
	"bufio"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"certsweep/dialer/dialertest"
)

// served is a running certsweep serve.
type served struct {
	t       *testing.T
	address string
	list    string // the file
	farm    *dialertest.Farm
	process *os.Process
	ended   chan error
	stderr  chan string // its lines
}

// serve starts certsweep serve with a list of some cases of a farm.
func serve(t *testing.T, cases []string, args ...string) *served {
	t.Helper()
	farm, err := dialertest.Start(cases...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(farm.Close)
	dir := t.TempDir()
	root := filepath.Join(dir, "root.pem")
	if err := os.WriteFile(root, farm.RootPEM(), 0o666); err != nil {
		t.Fatal(err)
	}
	s := &served{t: t, list: filepath.Join(dir, "list.txt"), farm: farm, ended: make(chan error, 1), stderr: make(chan string, 100)}
	s.write("")
	cmd := command(append([]string{"serve", "--listen", "127.0.0.1:0", "--ca-file", root, "--timeout", "3s", s.list}, args...)...)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s.process = cmd.Process
	t.Cleanup(func() { cmd.Process.Kill() })
	go func() {
		lines := bufio.NewScanner(stderr)
		for lines.Scan() {
			s.stderr <- lines.Text()
		}
		s.ended <- cmd.Wait()
	}()
	line := s.line()
	address := regexp.MustCompile(`on http\S*://(\S+)/`).FindStringSubmatch(line)
	if address == nil {
		t.Fatalf("it says %q", line)
	}
	s.address = address[1]
	return s
}

// write writes the list: all of the farm, and more.
func (s *served) write(more string) {
	s.t.Helper()
	var list strings.Builder
	for _, e := range s.farm.Endpoints {
		fmt.Fprintf(&list, "%s tag=%s\n", e.Target(), e.Name)
	}
	if err := os.WriteFile(s.list, []byte(list.String()+more), 0o666); err != nil {
		s.t.Fatal(err)
	}
}

func (s *served) line() string {
	s.t.Helper()
	select {
	case line := <-s.stderr:
		return line
	case <-time.After(10 * time.Second):
		s.t.Fatal("it says nothing")
	}
	return ""
}

func (s *served) request(method, path string, header ...string) (int, string) {
	s.t.Helper()
	r, err := http.NewRequest(method, "http://"+s.address+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

func (s *served) get(path string) string {
	s.t.Helper()
	status, body := s.request("GET", path)
	if status != http.StatusOK {
		s.t.Fatalf("%s: %d %s", path, status, body)
	}
	return body
}

// until gets a path until it has what is wanted.
func (s *served) until(path string, want ...string) string {
	s.t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		body := s.get(path)
		missing := slices.DeleteFunc(slices.Clone(want), func(w string) bool { return strings.Contains(body, w) })
		if len(missing) == 0 {
			return body
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("%s has not %q in time:\n%s", path, missing, regexp.MustCompile(`(?m)^(#|go_|process_).*\n`).ReplaceAllString(body, ""))
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// host returns the address of a case.
func (s *served) host(name string) string { return s.farm.Endpoint(name).Addr.String() }

func TestServe(t *testing.T) {
	t.Parallel()
	s := serve(t, []string{"good", "expired", "refused", "weak-key"})
	if got := s.get("/healthz"); got != "ok\n" {
		t.Errorf("healthz: %q", got)
	}
	metrics := s.until("/metrics", "certsweep_runs_total 1\n")
	for _, want := range []string{
		`certsweep_endpoints{level="fail"} 1`, `certsweep_endpoints{level="unchecked"} 1`, `certsweep_endpoints{level="ok"} 1`, `certsweep_endpoints{level="warn"} 1`,
		`probe_success{server_name="good.test",tag="good",target="` + s.host("good") + `"} 1`,
		`probe_success{server_name="refused.test",tag="refused",target="` + s.host("refused") + `"} 0`,
		`certsweep_endpoint_problem{code="expired",level="fail",`, `certsweep_endpoint_last_probe_timestamp_seconds{`,
		"certsweep_list_last_reload_successful 1\n", "certsweep_endpoints_listed 4\n", "certsweep_endpoints_waiting 0\n", "certsweep_exit_status 1\n",
		"certsweep_build_info{", "process_resident_memory_bytes ",
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("%q is not in\n%s", want, metrics)
		}
	}
	page := s.get("/")
	for _, want := range []string{"<h1>1 of 4 endpoints fails</h1>", "Live: the oldest result is ", `id="data"`} {
		if !strings.Contains(page, want) {
			t.Errorf("%q is not in the page", want)
		}
	}
	for path, want := range map[string]int{"/none": 404, "/probe": 400, "/probe?target=x:y:z": 400, "/-/reload": 405, "/probe?module=nosuch&target=" + s.host("good"): 400} {
		if status, body := s.request("GET", path); status != want {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	if err := s.process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := <-s.ended; err != nil {
		t.Errorf("it ends with %v", err)
	}
}

func TestServeProbes(t *testing.T) {
	t.Parallel()
	s := serve(t, []string{"good", "expired", "starttls-smtp", "silent", "stapled", "revoked"})
	other, err := dialertest.Start("good-rsa")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	good := s.get("/probe?target=" + url.QueryEscape(s.host("good")))
	for _, want := range []string{
		"ssl_probe_success 1", `ssl_prober{prober="tcp"} 1`, `ssl_tls_version_info{version="`, "probe_success 1\n", "certsweep_endpoint_level 0\n",
		`ssl_cert_not_after{cn="good.test",`, `ssl_cert_not_after{cn="Farm Intermediate",`, "probe_ip_protocol 4", "probe_ssl_last_chain_expiry_timestamp_seconds ",
	} {
		if !strings.Contains(good, want) {
			t.Errorf("%q is not in\n%s", want, good)
		}
	}
	if got := s.get("/probe?module=https&target=https://" + s.host("expired") + "/"); !strings.Contains(got, `certsweep_endpoint_problem{code="expired",level="fail"} 1`) || !strings.Contains(got, `ssl_prober{prober="https"}`) {
		t.Errorf("expired: %s", got)
	}
	for name, want := range map[string][]string{
		"good":    {"ssl_ocsp_response_stapled 0\n"},
		"stapled": {"ssl_ocsp_response_stapled 1\n", "ssl_ocsp_response_status 0\n", "ssl_ocsp_response_this_update 1", "ssl_ocsp_response_next_update 1"},
		"revoked": {"ssl_ocsp_response_stapled 1\n", "ssl_ocsp_response_status 1\n", "ssl_ocsp_response_revoked_at 1"},
	} {
		got := s.get("/probe?target=" + s.host(name))
		for _, line := range want {
			if !strings.Contains(got, "\n"+line) {
				t.Errorf("%s: %q is not in\n%s", name, line, got)
			}
		}
		if name == "good" && strings.Contains(got, "ssl_ocsp_response_status") {
			t.Errorf("good has no staple: %s", got)
		}
	}
	// The list says what is spoken there, with or without the module.
	for _, module := range []string{"", "&module=tcp_smtp_starttls"} {
		if got := s.get("/probe?target=" + s.host("starttls-smtp") + module); !strings.Contains(got, "probe_success 1\n") {
			t.Errorf("smtp%s: %s", module, got)
		}
	}
	// Prometheus has its answer before it gives up.
	started := time.Now()
	status, got := s.request("GET", "/probe?target="+s.host("silent"), "X-Prometheus-Scrape-Timeout-Seconds", "1")
	if status != 200 || !strings.Contains(got, "probe_success 0\n") || time.Since(started) > 950*time.Millisecond {
		t.Errorf("silent: %d after %v: %s", status, time.Since(started), got)
	}
	elsewhere := other.Endpoint("good-rsa").Addr.String()
	if status, got := s.request("GET", "/probe?target="+elsewhere); status != http.StatusForbidden || !strings.Contains(got, "not on the list") {
		t.Errorf("not on the list: %d %s", status, got)
	}
	open := serve(t, []string{"good"}, "--probe-any")
	if got := open.get("/probe?target=" + elsewhere); !strings.Contains(got, "ssl_cert_not_after{") {
		t.Errorf("any: %s", got)
	}
}

func TestServeReloads(t *testing.T) {
	t.Parallel()
	s := serve(t, []string{"good", "expired"})
	s.until("/metrics", "certsweep_runs_total 1\n")
	other, err := dialertest.Start("good-rsa")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	more := other.Endpoint("good-rsa").Addr.String()

	// A mistake leaves the list as it was, and is told.
	s.write("good.test min-day=3\n")
	if status, body := s.request("POST", "/-/reload"); status != 500 || !strings.Contains(body, "list.txt:3:") {
		t.Errorf("a mistake: %d %s", status, body)
	}
	if line := s.line(); !strings.Contains(line, "the list stays as it was") {
		t.Errorf("it says %q", line)
	}
	s.until("/metrics", "certsweep_list_last_reload_successful 0\n", "certsweep_endpoints_listed 2\n", `certsweep_endpoints{level="ok"} 1`)
	if page := s.get("/"); !strings.Contains(page, "an older one is in use") {
		t.Error("the page does not say that its list is old")
	}

	// New ones are probed at once; what is known is kept.
	s.write(more + "\n")
	if err := s.process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	metrics := s.until("/metrics", "certsweep_list_last_reload_successful 1\n", "certsweep_endpoints_listed 3\n", "certsweep_endpoints_waiting 0\n")
	if strings.Count(metrics, "\nprobe_success{") != 3 {
		t.Errorf("%s", metrics)
	}
	// What is gone from the list is gone.
	if err := os.WriteFile(s.list, []byte(more+"\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	if status, body := s.request("POST", "/-/reload"); status != 200 {
		t.Errorf("%d %s", status, body)
	}
	metrics = s.get("/metrics")
	if strings.Count(metrics, "\nprobe_success{") != 1 || !strings.Contains(metrics, more) {
		t.Errorf("%s", metrics)
	}
	// An empty list is none.
	if err := os.WriteFile(s.list, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if status, body := s.request("POST", "/-/reload"); status != 500 || !strings.Contains(body, "no targets") {
		t.Errorf("%d %s", status, body)
	}
}

func TestServeGoesOn(t *testing.T) {
	t.Parallel()
	s := serve(t, []string{"good"}, "--every", "1s")
	runs := regexp.MustCompile(`(?m)^certsweep_runs_total (\d+)$`)
	probed := regexp.MustCompile(`(?m)^certsweep_endpoint_last_probe_timestamp_seconds\{[^}]*\} (\S+)$`)
	started := time.Now()
	var times []string
	for len(times) < 4 && time.Since(started) < 20*time.Second {
		time.Sleep(50 * time.Millisecond)
		if at := probed.FindStringSubmatch(s.get("/metrics")); at != nil && !slices.Contains(times, at[1]) {
			times = append(times, at[1])
		}
	}
	// At once, again, and from then on every second.
	took := time.Since(started)
	n, err := strconv.Atoi(runs.FindStringSubmatch(s.get("/metrics"))[1])
	if err != nil || len(times) < 4 || float64(n) > took.Seconds()+3 {
		t.Errorf("probed at %q, %d runs in %v, %v", times, n, took, err)
	}
}

// TestServeWebConfig: the server's own TLS and password are those of all of
// Prometheus's exporters.
func TestServeWebConfig(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	hash, err := bcrypt.GenerateFromPassword([]byte("open"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	ca := dialertest.NewCA("Web Root", dialertest.P256)
	chain, key := dialertest.PEM(ca.Issue(dialertest.Leaf{IPs: []netip.Addr{netip.MustParseAddr("127.0.0.1")}}))
	for name, text := range map[string]string{
		"cert.pem": string(chain), "key.pem": string(key),
		"web.yml": "tls_server_config: {cert_file: cert.pem, key_file: key.pem}\nbasic_auth_users: {reader: '" + string(hash) + "'}\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	s := serve(t, []string{"good"}, "--web-config", filepath.Join(dir, "web.yml"))
	client := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: ca.Pool()}}}
	for _, test := range []struct {
		method, path, password string
		want                   int
	}{
		{"GET", "/", "", 401}, {"GET", "/metrics", "", 401}, {"GET", "/probe?target=x", "", 401}, {"POST", "/-/reload", "", 401},
		{"GET", "/metrics", "wrong", 401}, {"GET", "/metrics", "open", 200}, {"GET", "/", "open", 200},
	} {
		r, err := http.NewRequest(test.method, "https://"+s.address+test.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if test.password != "" {
			r.SetBasicAuth("reader", test.password)
		}
		response, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != test.want {
			t.Errorf("%s with password %q: %d", test.path, test.password, response.StatusCode)
		}
	}
}

func TestServeUsage(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	broken := filepath.Join(t.TempDir(), "web.yml")
	if err := os.WriteFile(broken, []byte("nonsense: 1\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		want string
		args []string
	}{
		{"no targets: name a FILE", nil},
		{"standard input can be read once", []string{"-"}},
		{"--every must be at least 1s", []string{"--every", "0", "-t", "127.0.0.1"}},
		{"write an address as 127.0.0.1:9219", []string{"--listen", "9219", "-t", "127.0.0.1"}},
		{"address already in use", []string{"--listen", taken.Addr().String(), "-t", "127.0.0.1"}},
		{"--web-config: ", []string{"--web-config", broken, "-t", "127.0.0.1"}},
		{"1 mistake", []string{"-t", "127.0.0.1 min-day=3"}},
		{"more than 50000 endpoints", []string{"-t", "10.0.0.0/8"}},
		{"unknown flag: --report", []string{"--report", "html=x", "-t", "127.0.0.1"}},
	} {
		out, err := command(append([]string{"serve", "--trust", "none"}, test.args...)...).CombinedOutput()
		if status := exitStatus(t, err); status != 2 || !strings.Contains(string(out), test.want) {
			t.Errorf("%q: status %d\n%s", test.args, status, out)
		}
	}
}

// TestRecipeAlerts has a real Prometheus scrape a server of bad endpoints, and the
// rules of the recipe fire for them and for no other.
func TestRecipeAlerts(t *testing.T) {
	if testing.Short() {
		t.Skip("Prometheus takes seconds")
	}
	t.Parallel()
	prometheus, err := exec.LookPath("prometheus")
	if err != nil {
		t.Skip("prometheus is not installed")
	}
	if promtool, err := exec.LookPath("promtool"); err != nil {
		t.Skip("promtool is not installed (Debian: prometheus)")
	} else if out, err := exec.Command(promtool, "check", "rules", "../../docs/recipes/alerts.yml").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	s := serve(t, []string{"good", "good-rsa", "expired", "self-signed", "refused", "expires-soon"})
	s.write("good.test nonsense=3\n")
	s.request("POST", "/-/reload")
	rules, err := os.ReadFile("../../docs/recipes/alerts.yml")
	if err != nil {
		t.Fatal(err)
	}
	// As it stands but for how long to wait.
	fast := regexp.MustCompile(`(?m)^ *for: .*\n`).ReplaceAllString(string(rules), "")
	if fast == string(rules) {
		t.Fatal("the rules wait for nothing")
	}
	dir := t.TempDir()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	listener.Close()
	config := fmt.Sprintf("global: {scrape_interval: 1s, evaluation_interval: 1s}\nrule_files: [alerts.yml]\nscrape_configs:\n"+
		"- job_name: certsweep\n  static_configs: [{targets: [%q]}]\n"+
		"- job_name: probe\n  metrics_path: /probe\n  params: {module: [tcp]}\n  static_configs: [{targets: [%q]}]\n"+
		"  relabel_configs:\n  - {source_labels: [__address__], target_label: __param_target}\n  - {target_label: __address__, replacement: %q}\n",
		s.address, s.host("good"), s.address)
	for name, text := range map[string]string{"alerts.yml": fast, "prometheus.yml": config} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(prometheus, "--config.file="+filepath.Join(dir, "prometheus.yml"), "--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+address)
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		log.Close()
	})
	want := map[string]string{
		"CertificateFails":        "expired.test expires-soon.test self-signed.test",
		"CertificateExpired":      "expired.test",
		"CertificateExpiresSoon":  "expires-soon.test",
		"EndpointCannotBeChecked": "refused.test",
		"CertsweepListIsBroken":   "",
	}
	// The job that asks for one endpoint at a time has a clock of its own.
	const probed = `ssl_cert_not_after{job="probe",cn="good.test"}`
	var fired map[string]string
	for deadline := time.Now().Add(40 * time.Second); time.Now().Before(deadline); time.Sleep(200 * time.Millisecond) {
		fired = alerts(t, address)
		if fmt.Sprint(fired) == fmt.Sprint(want) && len(query(t, address, probed)) == 1 {
			break
		}
	}
	if fmt.Sprint(fired) != fmt.Sprint(want) {
		text, _ := os.ReadFile(log.Name())
		t.Fatalf("fired: %v\nwanted: %v\n%s", fired, want, text)
	}
	if got := query(t, address, probed); len(got) != 1 {
		t.Errorf("by /probe: %v", got)
	}
	if got := query(t, address, `up == 0`); len(got) != 0 {
		t.Errorf("down: %v", got)
	}
}

// query returns the labels of what a Prometheus answers; nil while it does not.
func query(t *testing.T, address, expression string) []map[string]string {
	t.Helper()
	response, err := http.Get("http://" + address + "/api/v1/query?query=" + url.QueryEscape(expression))
	if err != nil {
		return nil // it has not begun
	}
	defer response.Body.Close()
	var answer struct {
		Data struct {
			Result []struct{ Metric map[string]string }
		}
	}
	if json.NewDecoder(response.Body).Decode(&answer) != nil {
		return nil
	}
	var metrics []map[string]string
	for _, r := range answer.Data.Result {
		metrics = append(metrics, r.Metric)
	}
	return metrics
}

// alerts returns which fire, each with the server names it fires for.
func alerts(t *testing.T, address string) map[string]string {
	t.Helper()
	names := make(map[string][]string)
	for _, a := range query(t, address, `ALERTS{alertstate="firing",job="certsweep"}`) {
		names[a["alertname"]] = append(names[a["alertname"]], a["server_name"])
	}
	fired := make(map[string]string)
	for alert, hosts := range names {
		slices.Sort(hosts)
		fired[alert] = strings.Join(slices.Compact(hosts), " ")
	}
	return fired
}
