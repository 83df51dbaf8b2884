package scan

import (
	"errors"
	"strconv"

	"certsweep/cmd/internal/flags"
	"certsweep/cmd/internal/process"
	"certsweep/scanner"
)

// completionIndex is the variable in which Kubernetes tells a pod of an Indexed Job
// which one it is, from 0.
const completionIndex = "JOB_COMPLETION_INDEX"

// ShardOptions holds the flags that choose one of the parts of a list, in two forms.
type ShardOptions struct {
	Shard      Shard // I/N, from 1/N
	ShardIndex shardIndex
	Shards     shardCount
}

// shardCount is a number of parts, and 0 if it was not given.
type shardCount int

func (v *shardCount) Type() string   { return "number" }
func (v *shardCount) String() string { return strconv.Itoa(int(*v)) }

func (v *shardCount) Set(s string) error {
	n, err := strconv.ParseUint(s, 10, 31)
	if err != nil || n == 0 {
		return errors.New("not a number from 1 on")
	}
	*v = shardCount(n)
	return nil
}

// shardIndex is a part's number from 0, and "" if it was not given.
type shardIndex string

func (v *shardIndex) Type() string   { return "number" }
func (v *shardIndex) String() string { return string(*v) }

func (v *shardIndex) Set(s string) error {
	if _, err := strconv.ParseUint(s, 10, 31); err != nil {
		return errors.New("not a number from 0 on")
	}
	*v = shardIndex(s)
	return nil
}

func (o *Options) shardFlags() []flags.Flag {
	return []flags.Flag{
		{Name: "shard", Argument: "I/N", To: &o.Shard, Group: GroupScanning, In: OfScan, Opposite: "shards", Default: "the whole list",
			Text: "scan the I-th of N parts of the list, from 1/N to N/N"},
		{Name: "shards", Argument: "N", To: &o.Shards, Group: GroupScanning, In: OfScan, Opposite: "shard", Default: "1",
			Text: "scan one of N parts of the list: that of `--shard-index`"},
		{Name: "shard-index", Argument: "I", To: &o.ShardIndex, Group: GroupScanning, In: OfScan, Opposite: "shard", Default: completionIndex,
			Text: "which of `--shards` parts, from 0 to N-1", More: "The default is the environment variable that Kubernetes sets in the pods of an Indexed Job. `--shard-index 0 --shards 4` is `--shard 1/4`."},
	}
}

// chooseShard makes one form of both. getenv knows the environment as os.Getenv
// does.
func (o *ShardOptions) chooseShard(getenv func(string) string) error {
	if o.Shards == 0 {
		if o.ShardIndex != "" {
			return process.Usage("--shard-index needs --shards")
		}
		return nil
	}
	if o.Shard != (Shard{}) {
		return process.Usage("--shard and --shards exclude each other")
	}
	given, source := string(o.ShardIndex), "--shard-index"
	if given == "" {
		given = getenv(completionIndex)
		source = completionIndex
	}
	if given == "" {
		return process.Usage("--shards needs --shard-index, or %s in the environment, as Kubernetes sets it in an Indexed Job", completionIndex)
	}
	index, err := strconv.ParseUint(given, 10, 31)
	if err != nil {
		return process.Usage("%s: %q is not a number from 0 on", source, given)
	}
	if index >= uint64(o.Shards) {
		return process.Usage("%s %d: there is no such shard of %d: they count from 0 to %d", source, index, o.Shards, o.Shards-1)
	}
	o.Shard = Shard(scanner.Shard{Index: int(index) + 1, Count: int(o.Shards)})
	return nil
}
