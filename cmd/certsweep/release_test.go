//go:build linux && !race

package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// needs skips the test if a program is not installed.
func needs(t *testing.T, programs ...string) {
	t.Helper()
	for _, program := range programs {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is not installed", program)
		}
	}
}

// in runs a command in a directory and returns what it printed.
func in(t *testing.T, dir string, env []string, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
	return string(out)
}

// sourceCopy copies what git knows of the repository, as it is on the disk, and git's
// own, to a new directory.
func sourceCopy(t *testing.T) string {
	t.Helper()
	needs(t, "git", "cp")
	if _, err := os.Stat("../../.git"); err != nil {
		t.Skip("this is no repository of git")
	}
	dir := filepath.Join(t.TempDir(), "somewhere else")
	if err := os.Mkdir(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	files := strings.Split(strings.TrimSuffix(in(t, "../..", nil, "git", "ls-files", "-z"), "\x00"), "\x00")
	files = slices.DeleteFunc(files, func(name string) bool {
		_, err := os.Lstat("../../" + name)
		return errors.Is(err, os.ErrNotExist)
	})
	in(t, "../..", nil, "cp", append([]string{"-r", "--parents", "-t", dir, ".git"}, files...)...)
	return dir
}

// TestRelease makes a release of some platforms twice, in two places, and compares
// them byte by byte; and goes from its archive to a first scan in a place that has
// nothing but what was in the archive.
func TestRelease(t *testing.T) {
	if testing.Short() {
		t.Skip("builds for other platforms")
	}
	needs(t, "bash", "tar", "gzip", "zip", "jq", "dpkg-deb", "rpm")
	const version = "0.0.1"
	elsewhere := sourceCopy(t)
	env := []string{"PLATFORMS=linux/amd64 windows/amd64"}
	first, second := filepath.Join(t.TempDir(), "dist"), filepath.Join(t.TempDir(), "dist")
	in(t, "../..", append(env, "DIST="+first), "bash", ".ci/release", version)
	in(t, elsewhere, append(env, "DIST="+second, "TZ=Asia/Tokyo", "GOAMD64=v2"), "bash", "-c", "umask 077; .ci/release v"+version)
	sums := sumsOf(t, first)
	if again := sumsOf(t, second); !maps.Equal(sums, again) {
		t.Errorf("two releases of the same differ:\n%v\n%v", sums, again)
	}
	for _, want := range []string{
		"certsweep_0.0.1_linux_amd64.tar.gz", "certsweep-queue_0.0.1_linux_amd64.tar.gz", "certsweep_0.0.1_windows_amd64.zip", "certsweep-queue_0.0.1_windows_amd64.zip",
		"certsweep_0.0.1_amd64.deb", "certsweep-queue_0.0.1_amd64.deb", "certsweep-0.0.1-1.x86_64.rpm", "certsweep-queue-0.0.1-1.x86_64.rpm",
		"certsweep_0.0.1.cdx.json", "certsweep-queue_0.0.1.cdx.json", "image/amd64.tar", "SHA256SUMS",
	} {
		if sums[want] == "" {
			t.Errorf("there is no %s", want)
		}
	}
	in(t, first, nil, "sha256sum", "--check", "--strict", "SHA256SUMS")
	if status := exitStatus(t, exec.Command("bash", "../../.ci/release", "one").Run()); status != 2 {
		t.Errorf("a version that is none: status %d", status)
	}

	root := t.TempDir()
	unpack(t, filepath.Join(first, "certsweep_0.0.1_linux_amd64.tar.gz"), root)
	for _, name := range []string{"LICENSE", "README.md", "certsweep.1", "completions/certsweep.bash", "completions/_certsweep", "completions/certsweep.fish", "completions/certsweep.ps1"} {
		if _, err := os.Stat(filepath.Join(root, name)); err != nil {
			t.Error(err)
		}
	}
	commit := strings.TrimSpace(in(t, "../..", nil, "git", "rev-parse", "--short=12", "HEAD"))
	if said := in(t, root, nil, "./certsweep", "--version"); !regexp.MustCompile(`^certsweep 0\.0\.1 commit ` + commit + ` go1\S+ linux/amd64\n$`).MatchString(said) {
		t.Errorf("--version says %q", said)
	}
	t.Run("packages", func(t *testing.T) { checkPackages(t, first) })
	t.Run("image", func(t *testing.T) { checkImage(t, first) })
	t.Run("materials", func(t *testing.T) { checkMaterials(t, first, filepath.Join(root, "certsweep")) })
	t.Run("first scan", func(t *testing.T) {
		if os.Getuid() != 0 {
			t.Skip("chroot is for root")
		}
		needs(t, "unshare", "ip", "chroot")
		cmd := exec.Command("unshare", "--net", "sh", "-c", `ip link set lo up && exec env -i PATH="$PATH" chroot "$0" /certsweep demo`, root)
		var said bytes.Buffer
		cmd.Stderr = &said
		out, err := cmd.Output()
		if err != nil || len(validRecords(t, out)) < 75 || !strings.Contains(said.String(), "starttls-postgres") {
			t.Errorf("%v, %d lines\n%s", err, bytes.Count(out, []byte("\n")), &said)
		}
	})
}

// sumsOf returns the hash of each file in a directory.
func sumsOf(t *testing.T, dir string) map[string]string {
	t.Helper()
	sums := make(map[string]string)
	files := os.DirFS(dir)
	for _, pattern := range []string{"*.*", "SHA256SUMS", "image/*"} {
		names, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			name, _ = filepath.Rel(dir, name)
			file, err := files.Open(filepath.ToSlash(name))
			if err != nil {
				t.Fatal(err)
			}
			h := sha256.New()
			if _, err := io.Copy(h, file); err != nil {
				t.Fatal(err)
			}
			file.Close()
			sums[name] = fmt.Sprintf("%x", h.Sum(nil))
		}
	}
	return sums
}

// unpack unpacks an archive, without its first directory, and checks that nothing of
// the machine that made it is in there.
func unpack(t *testing.T, name, dir string) {
	t.Helper()
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	unzipped, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	if unzipped.Name != "" || !unzipped.ModTime.IsZero() {
		t.Errorf("%s has a name %q and a time %v", name, unzipped.Name, unzipped.ModTime)
	}
	for r := tar.NewReader(unzipped); ; {
		header, err := r.Next()
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if header.Uid != 0 || header.Gid != 0 || header.Mode&0o22 != 0 {
			t.Errorf("%s: owner %d:%d, mode %o", header.Name, header.Uid, header.Gid, header.Mode)
		}
		_, inside, _ := strings.Cut(header.Name, "/")
		to := filepath.Join(dir, inside)
		if header.Typeflag == tar.TypeDir {
			err = os.MkdirAll(to, 0o777)
		} else {
			var data []byte
			if data, err = io.ReadAll(r); err == nil {
				err = os.WriteFile(to, data, header.FileInfo().Mode())
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// checkPackages: both kinds of package have what shells, man and systemd look for.
func checkPackages(t *testing.T, dist string) {
	common := []string{"/usr/bin/certsweep", "/usr/share/man/man1/certsweep.1.gz", "/usr/share/bash-completion/completions/certsweep",
		"/usr/share/fish/vendor_completions.d/certsweep.fish", "/usr/lib/systemd/system/certsweep-serve.service", "/usr/share/doc/certsweep/README.md"}
	listed := in(t, dist, nil, "dpkg-deb", "--contents", "certsweep_0.0.1_amd64.deb")
	for _, name := range append(common, "/usr/share/zsh/vendor-completions/_certsweep", "/usr/share/doc/certsweep/copyright") {
		if !strings.Contains(listed, " ."+name+"\n") {
			t.Errorf("the package of Debian has no %s:\n%s", name, listed)
		}
	}
	for line := range strings.Lines(listed) {
		if !strings.Contains(line, "root/root") {
			t.Errorf("not root's: %s", line)
		}
	}
	listed = in(t, dist, nil, "rpm", "-qpl", "certsweep-0.0.1-1.x86_64.rpm")
	for _, name := range append(common, "/usr/share/zsh/site-functions/_certsweep", "/usr/share/licenses/certsweep/LICENSE") {
		if !strings.Contains(listed, name+"\n") {
			t.Errorf("the RPM has no %s:\n%s", name, listed)
		}
	}
}

// checkImage: the image has the programs that the recipes start, and a place for what
// does not fit into memory.
func checkImage(t *testing.T, dist string) {
	listed := in(t, dist, nil, "tar", "--numeric-owner", "-tvf", "image/amd64.tar")
	for _, want := range []string{`-rwxr-xr-x 0/0 .* usr/bin/certsweep\n`, `-rwxr-xr-x 0/0 .* usr/bin/certsweep-queue\n`, `drwxrwxrwt 0/0 .* tmp/\n`} {
		if !regexp.MustCompile(want).MatchString(listed) {
			t.Errorf("no %s in\n%s", want, listed)
		}
	}
	if file := page(t, "Dockerfile"); !strings.Contains(file, "\nADD dist/image/${TARGETARCH}.tar /\n") || !strings.Contains(file, "\nENTRYPOINT [\"/usr/bin/certsweep\"]\n") {
		t.Errorf("Dockerfile does not fit:\n%s", file)
	}
}

// checkMaterials: the bill of materials has the modules that the binary has, in
// their versions.
func checkMaterials(t *testing.T, dist, binary string) {
	var bill struct {
		BOMFormat, SpecVersion string
		Components             []struct{ Name, Version string }
	}
	text, err := os.ReadFile(filepath.Join(dist, "certsweep_0.0.1.cdx.json"))
	if err != nil || json.Unmarshal(text, &bill) != nil || bill.BOMFormat != "CycloneDX" || bill.SpecVersion != "1.6" {
		t.Fatalf("%v\n%.300s", err, text)
	}
	listed := make(map[string]string)
	for _, c := range bill.Components {
		listed[c.Name] = c.Version
	}
	n := 0
	for _, dep := range regexp.MustCompile(`(?m)^\tdep\t(\S+)\t(\S+)`).FindAllStringSubmatch(in(t, dist, nil, "go", "version", "-m", binary), -1) {
		if n++; listed[dep[1]] != dep[2] {
			t.Errorf("%s %s is in the binary, and %q in the bill", dep[1], dep[2], listed[dep[1]])
		}
	}
	if n < 10 || len(listed) != n+1 || !strings.HasPrefix(listed["std"], "go1.") {
		t.Errorf("%d modules in the binary, %v in the bill", n, listed)
	}
}

// TestRenameModule runs the commands of docs/install.md that rename the module, and
// builds what they leave.
func TestRenameModule(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles everything under another name")
	}
	needs(t, "sh", "sed", "xargs")
	dir := sourceCopy(t)
	block := regexp.MustCompile("(?s)```console\n\\$ new=(\\S+)\n(.*?)```").FindStringSubmatch(section(t, "docs/install.md", "## The module's path"))
	if block == nil {
		t.Fatal("docs/install.md does not say how to rename the module")
	}
	script := "new=" + block[1] + "\n"
	for line := range strings.Lines(block[2]) {
		command, ok := strings.CutPrefix(line, "$ ")
		if !ok {
			t.Fatalf("no command: %s", line)
		}
		script += command
	}
	in(t, dir, nil, "sh", "-e", "-c", script)
	if list := in(t, dir, nil, "go", "list", "-deps", "./cmd/certsweep", "./cmd/certsweep-queue"); !strings.Contains(list, block[1]+"/scanner\n") || strings.Contains(list, "\ncertsweep/") {
		t.Errorf("packages\n%s", list)
	}
	// What is compiled can serve the next copy too, which is in another place.
	env := []string{"GOFLAGS=-trimpath"}
	in(t, dir, env, "go", "build", "-o", t.TempDir(), "./cmd/...")
	in(t, dir, env, "go", "test", "-run", "TestImportsRunOneWay|TestRoomsByThemselves|TestLibrariesLeave", "./cmd/certsweep")
}
