package main

import (
	"os"
	"path/filepath"
)

// usedFile is a file that the command line names, and the flag that names it,
// "" for a list.
type usedFile struct{ flag, name string }

func (f usedFile) String() string {
	if f.flag == "" {
		return f.name
	}
	return f.flag + " " + f.name
}

// inputs returns the files that a scan reads.
func (o *options) inputs() []usedFile {
	files := []usedFile{{"--ca-file", o.CAFile}, {"--cert", o.Cert}, {"--key", o.Key}, {"--names", o.Names}}
	for _, name := range o.Files {
		files = append(files, usedFile{"", name})
	}
	return files
}

// checkCollisions refuses a command that would write to a file that it reads, or
// write two things to one, under whatever names and links.
func checkCollisions(inputs, outputs []usedFile) error {
	for i, out := range outputs {
		if out.name == "" || out.name == "-" || isDevice(out.name) {
			continue
		}
		for _, in := range inputs {
			if in.name != "" && in.name != "-" && isSameFile(out.name, in.name) {
				return usageError("%v would overwrite %v, which is read", out, in)
			}
		}
		for _, other := range outputs[:i] {
			if other.name != "" && other.name != "-" && isSameFile(out.name, other.name) {
				return usageError("%v and %v are the same file", other, out)
			}
		}
	}
	return nil
}

// isDevice reports whether a name is there and is not a regular file: such a one
// has nothing to lose.
func isDevice(name string) bool {
	info, err := os.Stat(name)
	return err == nil && !info.Mode().IsRegular()
}

// isSameFile reports whether two names lead to one file, which need not be there
// yet.
func isSameFile(a, b string) bool {
	infoA, errA := os.Stat(a)
	infoB, errB := os.Stat(b)
	if errA == nil && errB == nil {
		return os.SameFile(infoA, infoB)
	}
	return destination(a) == destination(b)
}

// maxLinks is how many links in a row are followed, as Linux does.
const maxLinks = 40

// destination returns where a name leads that may not be there yet: the links of
// its directory are followed, and its own.
func destination(name string) string {
	for range maxLinks {
		to, err := os.Readlink(name)
		if err != nil {
			break
		}
		if !filepath.IsAbs(to) {
			to = filepath.Join(filepath.Dir(name), to)
		}
		name = to
	}
	dir, err := filepath.EvalSymlinks(filepath.Dir(name))
	if err == nil {
		dir, err = filepath.Abs(dir)
	}
	if err != nil {
		dir = filepath.Dir(name)
	}
	return filepath.Join(dir, filepath.Base(name))
}
