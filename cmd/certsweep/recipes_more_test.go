package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"certsweep/cmd/internal/process"
)

// withProgram puts certsweep onto the recipe's path, and returns where it is.
func (r *recipe) withProgram(t *testing.T) string {
	t.Helper()
	bin := t.TempDir()
	program := filepath.Join(bin, "certsweep")
	if err := os.Symlink(testBinary(t), program); err != nil {
		t.Fatal(err)
	}
	r.env = append(r.env, roleVariable+"=certsweep", "PATH="+bin+":"+os.Getenv("PATH"))
	return program
}

// TestRecipeGitLab runs the job's script as it stands.
func TestRecipeGitLab(t *testing.T) {
	t.Parallel()
	job := page(t, "docs/recipes/gitlab-ci.yml")
	if !strings.Contains(job, "\n    CERTSWEEP_PUBLIC_ONLY: \"true\"\n") {
		t.Error("the job may be led to internal addresses")
	}
	script := regexp.MustCompile(`(?m)^  script:\n    - (.*)\n  [a-z]`).FindStringSubmatch(job)
	if script == nil || !strings.Contains(job, "go build -C \"$CI_BUILDS_DIR/certsweep\" -o /usr/local/bin/certsweep ./cmd/certsweep\n") {
		t.Fatal("no script")
	}
	r := newRecipe(t)
	r.withProgram(t)
	for list, want := range map[string]int{"good.txt": 0, "bad.txt": 1} {
		r.write(t, "endpoints.txt", r.read(t, list))
		if status, out := r.run(t, "sh", "-e", "-c", script[1]); status != want {
			t.Errorf("%s: status %d\n%s", list, status, out)
		}
		for _, artifact := range []string{"certificates.xml", "certificates.html"} {
			if !strings.Contains(job, artifact) || len(r.read(t, artifact)) < 500 {
				t.Errorf("%s: no %s", list, artifact)
			}
		}
	}
}

// TestRecipeNagios runs both commands as Nagios does, with its macros replaced.
func TestRecipeNagios(t *testing.T) {
	t.Parallel()
	config := page(t, "docs/recipes/nagios.cfg")
	commands := regexp.MustCompile(`(?m)^ *command_line +/usr/local/bin/(certsweep .*)$`).FindAllStringSubmatch(config, -1)
	if len(commands) != 2 {
		t.Fatalf("%d commands", len(commands))
	}
	r := newRecipe(t)
	r.withProgram(t)
	target := func(name string, line int) string { return strings.Split(r.read(t, name), "\n")[line] }
	for _, test := range []struct {
		command, arg1, arg2 string
		status              int
		want                string
	}{
		{commands[0][1], target("good.txt", 0), "14", 0, "CERTSWEEP OK"},
		{commands[0][1], target("good.txt", 0), "85", 2, "CERTSWEEP CRITICAL"},
		{commands[0][1], target("good.txt", 2), "14", 1, "CERTSWEEP WARNING"},
		{commands[0][1], target("bad.txt", 3), "14", 3, "CERTSWEEP UNKNOWN"},
		{commands[0][1], "a b", "14", 3, "CERTSWEEP UNKNOWN"},
		{commands[1][1], "bad.txt", "", 2, "CERTSWEEP CRITICAL"},
		{commands[1][1], "none.txt", "", 3, "CERTSWEEP UNKNOWN"},
	} {
		line := strings.NewReplacer("$ARG1$", test.arg1, "$ARG2$", test.arg2).Replace(test.command)
		if status, out := r.run(t, "sh", "-c", line); status != test.status || !strings.HasPrefix(out, test.want) {
			t.Errorf("%s: status %d, want %d %s\n%s", line, status, test.status, test.want, out)
		}
	}
}

// TestRecipeTimer has systemd look at the units, and runs what the service starts.
func TestRecipeTimer(t *testing.T) {
	t.Parallel()
	unit := page(t, "docs/recipes/systemd/certsweep-check.service")
	start := regexp.MustCompile(`(?m)^ExecStart=/usr/local/bin/(certsweep .*)$`).FindStringSubmatch(unit)
	if start == nil {
		t.Fatal("nothing is started")
	}
	r := newRecipe(t)
	program := r.withProgram(t)
	r.env = append(r.env, "STATE_DIRECTORY="+r.dir, "CERTSWEEP_MAX_MEMORY=auto")
	for list, want := range map[string]int{"good.txt": 0, "bad.txt": 1, "none.txt": process.StatusUsage} {
		line := strings.ReplaceAll(start[1], "/etc/certsweep/endpoints.txt", list)
		if status, out := r.run(t, "sh", "-c", line); status != want {
			t.Errorf("%s: status %d\n%s", list, status, out)
		}
	}
	if report := r.read(t, "report.html"); !strings.Contains(report, "<!doctype html>") && !strings.Contains(report, "<!DOCTYPE html>") {
		t.Error("no report")
	}
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("systemd-analyze is not installed")
	}
	dir := t.TempDir()
	for name, text := range map[string]string{
		"certsweep-check.service": strings.ReplaceAll(unit, "/usr/local/bin/certsweep", program),
		"certsweep-check.timer":   page(t, "docs/recipes/systemd/certsweep-check.timer"),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out, err := exec.Command("systemd-analyze", "verify", "--recursive-errors=no", dir+"/certsweep-check.service", dir+"/certsweep-check.timer").CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestRecipeServeUnit has systemd look at the exporter's unit, and at what the unit
// leaves the exporter to do.
func TestRecipeServeUnit(t *testing.T) {
	t.Parallel()
	unit := page(t, "docs/recipes/systemd/certsweep-serve.service")
	if !strings.Contains(unit, "\nExecStart=/usr/local/bin/certsweep serve /etc/certsweep/endpoints.txt\n") {
		t.Error("certsweep serve is not started")
	}
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("systemd-analyze is not installed")
	}
	name := filepath.Join(t.TempDir(), "certsweep-serve.service")
	unit = strings.ReplaceAll(unit, "/usr/local/bin/certsweep", newRecipe(t).withProgram(t))
	// The manual page is where the package puts it.
	unit = strings.ReplaceAll(unit, "Documentation=man:certsweep(1)\n", "")
	if err := os.WriteFile(name, []byte(unit), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("systemd-analyze", "verify", "--recursive-errors=no", name).CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("%v\n%s", err, out)
	}
	// 0 is the best of 100, and most services have more than 90.
	if out, err := exec.Command("systemd-analyze", "security", "--offline=true", "--threshold=15", name).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestRecipeCronJob runs the container's arguments over the list of the ConfigMap.
func TestRecipeCronJob(t *testing.T) {
	t.Parallel()
	manifest := page(t, "docs/recipes/kubernetes-cronjob.yaml")
	args := regexp.MustCompile(`(?m)^ *args: \[(.*)\]$`).FindStringSubmatch(manifest)
	list := regexp.MustCompile(`(?ms)^  endpoints.txt: \|\n(.*?)^---`).FindStringSubmatch(manifest)
	if args == nil || list == nil {
		t.Fatal("no arguments, or no list")
	}
	r := newRecipe(t)
	r.withProgram(t)
	// As it stands, but for names that nobody is to be asked for: the list is read,
	// and its first host is one of the farm's.
	lines := strings.ReplaceAll(list[1], "    ", "")
	r.write(t, "endpoints.txt", strings.ReplaceAll(strings.ReplaceAll(lines, "www.example.com", strings.TrimSpace(strings.Split(r.read(t, "good.txt"), "\n")[0])), "smtp://mx.example.com", "127.0.0.1:1 optional"))
	line := "certsweep " + strings.NewReplacer(",", "", "/etc/certsweep/", "", "--trust mozilla", "").Replace(args[1])
	status, out := r.run(t, "sh", "-c", line)
	if status != 0 || !strings.Contains(out, "2 endpoints: 0 fail") {
		t.Errorf("%s: status %d\n%s", line, status, out)
	}
	if bad, out := r.run(t, "sh", "-c", "certsweep "+strings.ReplaceAll(args[1], ",", "")); bad != process.StatusUsage || !strings.Contains(out, "/etc/certsweep/endpoints.txt: no such file") {
		t.Errorf("status %d\n%s", bad, out)
	}
}
