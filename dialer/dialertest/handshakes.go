package dialertest

func handshakeCases() []Case { return nil }
