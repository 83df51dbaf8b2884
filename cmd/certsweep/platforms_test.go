//go:build !race

package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/tools/go/packages"
)

// releasePlatforms returns the platforms of a release, such as linux/amd64.
func releasePlatforms(t *testing.T) []string {
	t.Helper()
	block := regexp.MustCompile(`(?s)\nplatforms=\((.*?)\)`).FindStringSubmatch(page(t, ".ci/release"))
	if block == nil {
		t.Fatal(".ci/release has no platforms")
	}
	return strings.Fields(block[1])
}

// TestPlatforms checks the types of all packages and of their tests for every
// platform that certsweep is released for, from source: that takes a tenth of what
// compiling them does.
func TestPlatforms(t *testing.T) {
	if testing.Short() {
		t.Skip("reads the standard library ten times")
	}
	platforms := releasePlatforms(t)
	if len(platforms) < 10 {
		t.Errorf("a release has %q alone", platforms)
	}
	for _, platform := range platforms {
		t.Run(platform, func(t *testing.T) {
			system, processor, _ := strings.Cut(platform, "/")
			loaded, err := packages.Load(&packages.Config{
				Mode: packages.LoadAllSyntax, Tests: true, Dir: "../..",
				Env: append(os.Environ(), "CGO_ENABLED=0", "GOOS="+system, "GOARCH="+processor),
			}, "./...")
			if err != nil || len(loaded) < 50 {
				t.Fatalf("%d packages, %v", len(loaded), err)
			}
			packages.Visit(loaded, nil, func(p *packages.Package) {
				for _, err := range p.Errors {
					t.Error(err)
				}
			})
		})
	}
}
