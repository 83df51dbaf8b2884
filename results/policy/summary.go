package policy

// Summary adds verdicts up. The zero value is ready. It is not safe for use by
// several goroutines.
type Summary struct {
	Endpoints int `json:"endpoints"` // all verdicts
	OK        int `json:"ok"`
	Warn      int `json:"warn"`
	Unchecked int `json:"unchecked"`
	Fail      int `json:"fail"`
	// Allowed counts the endpoints that could not be checked and were allowed
	// to; they are among OK and Warn.
	Allowed int `json:"allowed"`
	// Gone counts the endpoints that only the baseline has; they are among
	// Warn and Fail.
	Gone int `json:"gone"`
	// Problems counts the problems of each code, those of level OK apart.
	Problems map[Code]int `json:"problems"`
}

// Add counts a verdict.
func (s *Summary) Add(v *Verdict) {
	s.Endpoints++
	switch v.Level {
	case Fail:
		s.Fail++
	case Unchecked:
		s.Unchecked++
	case Warn:
		s.Warn++
	default:
		s.OK++
	}
	if v.Gone {
		s.Gone++
	}
	if v.Allowed() {
		s.Allowed++
	}
	for _, p := range v.Problems {
		if p.Level == OK {
			continue
		}
		if s.Problems == nil {
			s.Problems = make(map[Code]int)
		}
		s.Problems[p.Code]++
	}
}

// ExitStatus is what check exits with: 1 when an endpoint fails; else 3 when one
// could not be checked or none was judged, since nothing is known then; else 0.
func (s *Summary) ExitStatus() int {
	switch {
	case s.Fail > 0:
		return 1
	case s.Unchecked > 0 || s.Endpoints == s.Gone:
		return 3
	}
	return 0
}

// NagiosStatus is the same for monitoring plugins: 0 OK, 1 WARNING, 2 CRITICAL,
// 3 UNKNOWN. UNKNOWN comes before WARNING, since it may hide something worse.
func (s *Summary) NagiosStatus() int {
	switch {
	case s.Fail > 0:
		return 2
	case s.Unchecked > 0 || s.Endpoints == s.Gone:
		return 3
	case s.Warn > 0:
		return 1
	}
	return 0
}
