package main

import (
	"encoding/xml"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"certsweep/cmd/internal/process"
	"certsweep/dialer/dialertest"
)

// recipe runs a file of docs/recipes, or a part of one, in a directory that
// has lists of a farm's endpoints: good.txt and bad.txt.
type recipe struct {
	dir string
	env []string
}

func newRecipe(t *testing.T) *recipe {
	t.Helper()
	farm, err := dialertest.Start("good", "good-rsa", "expired", "refused", "weak-key")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(farm.Close)
	r := &recipe{dir: t.TempDir()}
	target := func(name string) string { return farm.Endpoint(name).Target() + "\n" }
	r.write(t, "root.pem", string(farm.RootPEM()))
	r.write(t, "good.txt", target("good")+target("good-rsa")+target("weak-key"))
	r.write(t, "bad.txt", "# one is bad\n"+target("good")+target("expired")+target("refused"))
	r.env = append(os.Environ(), "CERTSWEEP_CA_FILE="+filepath.Join(r.dir, "root.pem"))
	return r
}

func (r *recipe) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(r.dir, name), []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

func (r *recipe) read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(r.dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// run returns the exit status of a command and what it printed.
func (r *recipe) run(t *testing.T, name string, args ...string) (status int, out string) {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = r.dir, r.env
	b, err := cmd.CombinedOutput()
	return exitStatus(t, err), string(b)
}

// runSteps returns the scripts of a workflow's steps that have one.
func runSteps(t *testing.T, workflow string) []string {
	t.Helper()
	var steps []string
	for _, match := range regexp.MustCompile(`(?m)^        run: \|\n((?:          .*\n)+)`).FindAllStringSubmatch(workflow, -1) {
		steps = append(steps, strings.ReplaceAll(match[1], "          ", ""))
	}
	if len(steps) != strings.Count(workflow, "run:") || len(steps) == 0 {
		t.Fatalf("%d steps found", len(steps))
	}
	return steps
}

func TestRecipeGitHubActions(t *testing.T) {
	t.Parallel()
	workflow, err := os.ReadFile("../../docs/recipes/github-actions.yml")
	if err != nil {
		t.Fatal(err)
	}
	module, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	r := newRecipe(t)
	// What the steps before have checked out.
	if err := os.Symlink(module, filepath.Join(r.dir, "certsweep")); err != nil {
		t.Fatal(err)
	}
	r.write(t, "summary.md", "")
	r.env = append(r.env, "RUNNER_TEMP="+r.dir+"/temp", "GITHUB_STEP_SUMMARY="+r.dir+"/summary.md")
	if err := os.Mkdir(filepath.Join(r.dir, "temp"), 0o777); err != nil {
		t.Fatal(err)
	}
	steps := runSteps(t, string(workflow))
	// As it stands, nothing of the farm is dialed, which is no public host.
	public := regexp.MustCompile(`(?m)^      CERTSWEEP_(PUBLIC_ONLY): "(true)"$`).FindStringSubmatch(string(workflow))
	if public == nil {
		t.Fatal("the job may be led to internal addresses")
	}
	for _, test := range []struct {
		list     string
		status   int
		want     []string
		failures string
		env      string
	}{
		{"bad.txt", 3, []string{"line=2::could not be checked: it has no address that --public-only", "line=4::could not be checked: it has no address that --public-only"},
			`failures="0"`, "CERTSWEEP_" + public[1] + "=" + public[2]},
		{"good.txt", 0, []string{"::warning title=certsweep%3A ", "file=endpoints.txt,line=3::weak key"}, `failures="0"`, ""},
		{"bad.txt", 1, []string{"::error title=certsweep%3A ", "file=endpoints.txt,line=3::expired", "line=4::could not be checked"}, `failures="1"`, ""},
	} {
		r.write(t, "endpoints.txt", r.read(t, test.list))
		r.env = slices.DeleteFunc(r.env, func(v string) bool { return strings.HasPrefix(v, "CERTSWEEP_PUBLIC_ONLY=") })
		if test.env != "" {
			r.env = append(r.env, test.env)
		}
		status, out := 0, ""
		for _, step := range steps {
			var said string
			// The runner's shell ends with the first command that fails.
			status, said = r.run(t, "sh", "-e", "-c", step)
			out += said
			if status != 0 {
				break
			}
		}
		if status != test.status {
			t.Fatalf("%s: status %d, want %d\n%s", test.list, status, test.status, out)
		}
		for _, want := range test.want {
			if !strings.Contains(out, want) {
				t.Errorf("%s: %q is not in\n%s", test.list, want, out)
			}
		}
		if summary := r.read(t, "summary.md"); !strings.HasPrefix(summary, "### certsweep: 3 endpoints") {
			t.Errorf("%s: the summary is %s", test.list, summary)
		}
		junit := r.read(t, "temp/certificates.xml")
		if err := xml.Unmarshal([]byte(junit), new(any)); err != nil || !strings.Contains(junit, test.failures) {
			t.Errorf("%s: %v in %s", test.list, err, junit)
		}
	}
}

func TestRecipeTextfile(t *testing.T) {
	t.Parallel()
	r := newRecipe(t)
	script, err := filepath.Abs("../../docs/recipes/textfile.sh")
	if err != nil {
		t.Fatal(err)
	}
	for list, want := range map[string][]string{
		"good.txt": {`certsweep_endpoints{level="fail"} 0`, `server_name="good-rsa.test"`},
		"bad.txt":  {`certsweep_endpoints{level="fail"} 1`, `probe_success{target="127.0.0.1:`},
	} {
		// Cron mails whatever is printed.
		if status, out := r.run(t, script, list, "."); status != 0 || out != "" {
			t.Errorf("%s: status %d\n%s", list, status, out)
		}
		metrics := r.read(t, "certsweep.prom")
		for _, want := range want {
			if !strings.Contains(metrics, want) {
				t.Errorf("%s: %q is not in\n%s", list, want, metrics)
			}
		}
	}
	before := r.read(t, "certsweep.prom")
	r.write(t, "mistake.txt", "good.test min-day=3\n")
	for list, want := range map[string]string{"mistake.txt": "mistake.txt:1:11: ", "none.txt": "no such file"} {
		if status, out := r.run(t, script, list, "."); status != process.StatusUsage || !strings.Contains(out, want) {
			t.Errorf("%s: status %d\n%s", list, status, out)
		}
		if r.read(t, "certsweep.prom") != before {
			t.Errorf("%s: the metrics changed", list)
		}
	}
}

func TestRecipeDeploy(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("jq"); err != nil {
		t.Skip("jq is not installed")
	}
	r := newRecipe(t)
	script, err := filepath.Abs("../../docs/recipes/deploy.sh")
	if err != nil {
		t.Fatal(err)
	}
	r.write(t, "list.txt", r.read(t, "good.txt"))
	for _, test := range []struct {
		name   string
		args   []string
		status int
		want   []string
	}{
		{"good", []string{"list.txt", "true"}, 0, []string{"warn: weak-key.test: weak key"}},
		{"fails to deploy", []string{"list.txt", "sh", "-c", "exit 9"}, 9, nil},
		{"changed", []string{"list.txt", "cp", "bad.txt", "list.txt"}, 1, []string{
			"fail: expired.test: expired 10 days ago", "unchecked: refused.test: could not be checked", "warn: good-rsa.test: gone",
		}},
		{"mistake", []string{"list.txt", "sh", "-c", "echo x min-day=3 >list.txt"}, 1, []string{"list.txt:1:3: "}},
		{"no list", []string{"none.txt", "touch", "deployed"}, process.StatusUsage, []string{"no such file"}},
	} {
		status, out := r.run(t, script, test.args...)
		if status != test.status {
			t.Errorf("%s: status %d, want %d\n%s", test.name, status, test.status, out)
		}
		for _, want := range test.want {
			if !strings.Contains(out, want) {
				t.Errorf("%s: %q is not in\n%s", test.name, want, out)
			}
		}
	}
	if _, err := os.Stat(filepath.Join(r.dir, "deployed")); err == nil {
		t.Error("deployed without a list")
	}
}
