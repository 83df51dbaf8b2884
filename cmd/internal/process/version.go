package process

import (
	"cmp"
	"runtime/debug"
	"strings"
)

// shortCommit is how many digits of a commit's hash are shown.
const shortCommit = 12

// Version returns a command's version, commit, Go's version and the platform, in one
// line. version and commit are what the linker was told; if they are empty, what
// the go command recorded in the binary.
func Version(version, commit string) string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = new(debug.BuildInfo)
	}
	return describe(info, version, commit)
}

// Release returns the version alone.
func Release(version string) string {
	first, _, _ := strings.Cut(Version(version, ""), " ")
	return first
}

func describe(info *debug.BuildInfo, version, commit string) string {
	settings := make(map[string]string)
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	version = cmp.Or(version, info.Main.Version, "(unknown)")
	words := []string{version}
	commit = cmp.Or(commit, settings["vcs.revision"])
	// A pseudo-version ends with the commit.
	if commit = commit[:min(len(commit), shortCommit)]; commit != "" && !strings.Contains(version, commit) {
		if settings["vcs.modified"] == "true" {
			commit += "+dirty"
		}
		words = append(words, "commit", commit)
	}
	if info.GoVersion != "" {
		words = append(words, info.GoVersion)
	}
	if settings["GOOS"] != "" {
		words = append(words, settings["GOOS"]+"/"+settings["GOARCH"])
	}
	return strings.Join(words, " ")
}
