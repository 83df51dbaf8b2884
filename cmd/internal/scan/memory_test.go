package scan

import (
	"testing"
	"testing/fstest"
)

func TestAvailableMemory(t *testing.T) {
	const gib = 1 << 30
	meminfo := "MemTotal:       8388608 kB\nMemFree:        1 kB\n"
	for name, test := range map[string]struct {
		files map[string]string
		want  int64
	}{
		"the machine's": {map[string]string{"proc/meminfo": meminfo, "proc/self/cgroup": "0::/\n"}, 8 * gib},
		"version 2":     {map[string]string{"proc/meminfo": meminfo, "proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/b/memory.max": "1073741824\n"}, gib},
		"one above": {map[string]string{"proc/meminfo": meminfo, "proc/self/cgroup": "0::/a/b\n",
			"sys/fs/cgroup/a/b/memory.max": "max\n", "sys/fs/cgroup/a/memory.max": "2147483648\n"}, 2 * gib},
		"a container's": {map[string]string{"proc/meminfo": meminfo, "proc/self/cgroup": "0::/kubepods/pod/id\n", "sys/fs/cgroup/memory.max": "1073741824\n"}, gib},
		"version 1": {map[string]string{"proc/meminfo": meminfo, "proc/self/cgroup": "9:cpu:/x\n4:memory:/x\n0::/\n",
			"sys/fs/cgroup/memory/x/memory.limit_in_bytes": "1073741824\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n"}, gib},
		"more than there is": {map[string]string{"proc/meminfo": meminfo, "proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "1099511627776\n"}, 8 * gib},
		"nothing is said":    {map[string]string{"proc/self/cgroup": "nonsense\n"}, 0},
	} {
		files := make(fstest.MapFS)
		for name, text := range test.files {
			files[name] = &fstest.MapFile{Data: []byte(text)}
		}
		if got, err := availableMemory(files, 0); got != test.want || (err == nil) != (test.want > 0) {
			t.Errorf("%s: %d, %v; want %d", name, got, err, test.want)
		}
	}
}

// TestMachineMemory: the system itself says how much memory there is, also where
// /proc is not mounted, as in a chroot.
func TestMachineMemory(t *testing.T) {
	const least, most = 64 << 20, 1 << 50
	machine := machineMemory()
	if machine < least || machine > most {
		t.Errorf("this machine has %d bytes", machine)
	}
	if got, err := availableMemory(fstest.MapFS{}, machine); got != machine || err != nil {
		t.Errorf("without files %d, %v; want %d", got, err, machine)
	}
	if got, err := availableMemory(fstest.MapFS{"proc/meminfo": {Data: []byte("MemTotal: 1 kB\n")}}, machine); got != 1<<10 || err != nil {
		t.Errorf("with /proc %d, %v", got, err)
	}
	if peak := PeakRSS(); peak < 1<<20 || peak > machine {
		t.Errorf("this process had %d bytes, the machine %d", peak, machine)
	}
}

func TestMemorySize(t *testing.T) {
	var v memorySize
	for text, want := range map[string]string{"128MiB": "128MiB", "1GiB": "1GiB"} {
		if err := v.Set(text); err != nil || v.String() != want {
			t.Errorf("%s: %s, %v", text, &v, err)
		}
	}
	if err := v.Set("auto"); err != nil || v <= 0 || v%(1<<20) != 0 {
		t.Errorf("auto: %s, %v", &v, err)
	}
	if err := v.Set("much"); err == nil || err.Error() != "not a size: write 65536, 64KiB, 256MiB or 1GiB, or auto" {
		t.Errorf("%v", err)
	}
}
