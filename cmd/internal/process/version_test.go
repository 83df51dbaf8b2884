package process

import (
	"runtime/debug"
	"testing"
)

func TestVersion(t *testing.T) {
	const commit = "0123456789abcdef0123456789abcdef01234567"
	build := func(version string, settings ...debug.BuildSetting) *debug.BuildInfo {
		return &debug.BuildInfo{GoVersion: "go1.26.8", Main: debug.Module{Version: version},
			Settings: append(settings, debug.BuildSetting{Key: "GOOS", Value: "linux"}, debug.BuildSetting{Key: "GOARCH", Value: "arm64"})}
	}
	revision := debug.BuildSetting{Key: "vcs.revision", Value: commit}
	modified := debug.BuildSetting{Key: "vcs.modified", Value: "true"}
	for name, c := range map[string]struct {
		info            *debug.BuildInfo
		version, commit string
		want            string
	}{
		"a release":            {build("(devel)"), "1.2.3", commit, "1.2.3 commit 0123456789ab go1.26.8 linux/arm64"},
		"go install at a tag":  {build("v1.2.3"), "", "", "v1.2.3 go1.26.8 linux/arm64"},
		"a clone":              {build("v0.0.0-20261126000000-0123456789ab", revision), "", "", "v0.0.0-20261126000000-0123456789ab go1.26.8 linux/arm64"},
		"a tagged clone":       {build("v1.2.3", revision), "", "", "v1.2.3 commit 0123456789ab go1.26.8 linux/arm64"},
		"a clone with changes": {build("(devel)", revision, modified), "", "", "(devel) commit 0123456789ab+dirty go1.26.8 linux/arm64"},
		"nothing is known":     {new(debug.BuildInfo), "", "", "(unknown)"},
	} {
		if got := describe(c.info, c.version, c.commit); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
