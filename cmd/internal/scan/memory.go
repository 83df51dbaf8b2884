package scan

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"

	"certsweep/cmd/internal/flags"
)

// autoPart is the part of the memory there is that "auto" stands for: the rest is
// the kernel's buffers for the same connections, and others'.
const autoPart = 0.85

// memorySize is a size, or "auto", for what this process may use.
type memorySize flags.Size

// Type is [flags.Value]'s.
func (v *memorySize) Type() string { return "size" }

func (v *memorySize) String() string { return (*flags.Size)(v).String() }

// Set reads "auto" or a size.
func (v *memorySize) Set(s string) error {
	if !strings.EqualFold(s, "auto") {
		if err := (*flags.Size)(v).Set(s); err != nil {
			return fmt.Errorf("%w, or auto", err)
		}
		return nil
	}
	n, err := availableMemory(os.DirFS("/"), machineMemory())
	if err != nil {
		return fmt.Errorf("auto: %w", err)
	}
	*v = memorySize(autoPart*float64(n)) >> 20 << 20 // whole MiB
	return nil
}

// availableMemory returns what the control groups of this process, and all above
// them, leave it of the machine's memory, in bytes. fsys is the root of the files, and
// machine what the machine has, 0 if that is not known.
func availableMemory(fsys fs.FS, machine int64) (int64, error) {
	least := int64(0)
	lower := func(n int64) {
		if n > 0 && (least == 0 || n < least) {
			least = n
		}
	}
	lower(machine)
	info, _ := fs.ReadFile(fsys, "proc/meminfo")
	for line := range strings.Lines(string(info)) {
		var kib int64
		if n, _ := fmt.Sscanf(line, "MemTotal: %d kB", &kib); n == 1 {
			lower(kib << 10)
		}
	}
	groups, _ := fs.ReadFile(fsys, "proc/self/cgroup")
	for line := range strings.Lines(string(groups)) {
		// cgroups(7): ID:controllers:path, without controllers in version 2.
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(fields) < 3 {
			continue
		}
		root, file := "sys/fs/cgroup", "memory.max"
		switch {
		case fields[1] == "memory":
			root, file = "sys/fs/cgroup/memory", "memory.limit_in_bytes"
		case fields[1] != "":
			continue
		}
		// In a container the path may be the host's, and only its root be here.
		for dir := path.Clean("/" + fields[2]); ; dir = path.Dir(dir) {
			text, err := fs.ReadFile(fsys, path.Join(root, dir, file))
			if err == nil {
				// "max" is no number, and no limit.
				if n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil {
					lower(n)
				}
			}
			if dir == "/" {
				break
			}
		}
	}
	if least == 0 {
		return 0, errors.New("this system does not say how much memory there is")
	}
	return least, nil
}
