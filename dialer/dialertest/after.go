package dialertest

func afterCases() []Case { return nil }
