package starttls

import (
	"slices"
	"strconv"
	"strings"
)

// turn is a command and the beginning of the reply code that lets the
// conversation go on. The turn of a greeting has no command.
type turn struct{ say, want string }

// replies is the preamble of the protocols whose answers begin with three
// digits.
func replies(turns ...turn) func(*preamble) error {
	return func(p *preamble) error {
		for _, t := range turns {
			if t.say != "" {
				if err := p.send(t.say + "\r\n"); err != nil {
					return err
				}
			}
			reply, err := p.reply()
			if err != nil {
				return err
			}
			switch {
			case strings.HasPrefix(reply, t.want):
			case reply[0] == '4' || reply[0] == '5':
				return refused(reply)
			default:
				return unexpected("reply "+t.want, reply)
			}
		}
		return nil
	}
}

// reply reads one reply, which may have many lines (RFC 959 §4.2, RFC 5321
// §4.2.1), and returns as much of it as an error may quote. Preliminary replies
// (1yz) are skipped, because another follows.
func (p *preamble) reply() (string, error) {
	for {
		line, err := p.line()
		if err != nil {
			return "", err
		}
		if !isReplyLine(line) {
			return "", unexpected("a reply code", line)
		}
		reply, code := line, line[:3]
		if strings.HasPrefix(line[3:], "-") {
			// RFC 959 lets the lines between look like anything.
			for line != code && !strings.HasPrefix(line, code+" ") {
				if line, err = p.line(); err != nil {
					return "", err
				}
				reply = words(reply + "\n" + line)
			}
		}
		if code[0] != '1' {
			return reply, nil
		}
	}
}

// isReplyLine reports whether line begins with a reply code and may be the
// first of a reply.
func isReplyLine(line string) bool {
	return len(line) >= 3 && isDigits(line[:3]) && (len(line) == 3 || line[3] == ' ' || line[3] == '-')
}

func isDigits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// pop3 is RFC 2595 §4.
func pop3(p *preamble) error {
	for _, command := range []string{"", "STLS\r\n"} {
		if command != "" {
			if err := p.send(command); err != nil {
				return err
			}
		}
		line, err := p.line()
		if err != nil {
			return err
		}
		switch status, _, _ := strings.Cut(line, " "); strings.ToUpper(status) {
		case "+OK":
		case "-ERR":
			return refused(line)
		default:
			return unexpected("+OK", line)
		}
	}
	return nil
}

// imap is RFC 9051 §6.2.1. Capabilities are not asked for: the answer to
// STARTTLS says the same, a round trip earlier.
func imap(p *preamble) error {
	line, err := p.literalLine()
	if err != nil {
		return err
	}
	switch status := strings.ToUpper(line); {
	case strings.HasPrefix(status, "* OK"), strings.HasPrefix(status, "* PREAUTH"):
	case strings.HasPrefix(status, "* BYE"):
		return refused(line)
	default:
		return unexpected("* OK", line)
	}
	const tag = "a1 "
	if err := p.send(tag + "STARTTLS\r\n"); err != nil {
		return err
	}
	for {
		if line, err = p.literalLine(); err != nil {
			return err
		}
		switch status := strings.ToUpper(line); {
		case strings.HasPrefix(status, "* BYE"):
			return refused(line)
		case strings.HasPrefix(line, "* "):
			// Untagged data may come at any time (§7).
		case !strings.HasPrefix(line, tag):
			return unexpected("a tagged response", line)
		case hasWord(status[len(tag):], "OK"):
			return nil
		default:
			return refused(line)
		}
	}
}

// sieve is RFC 5804 §2.2. The greeting is the capability list.
func sieve(p *preamble) error {
	if err := p.sieveResponse(); err != nil {
		return err
	}
	if err := p.send("STARTTLS\r\n"); err != nil {
		return err
	}
	return p.sieveResponse()
}

// sieveResponse reads data lines, which begin with a string, up to the
// response that ends them (RFC 5804 §4).
func (p *preamble) sieveResponse() error {
	for {
		line, err := p.literalLine()
		if err != nil {
			return err
		}
		switch status := strings.ToUpper(line); {
		case hasWord(status, "OK"):
			return nil
		case hasWord(status, "NO"), hasWord(status, "BYE"):
			return refused(line)
		case !strings.HasPrefix(line, `"`) && !strings.HasPrefix(line, "{"):
			return unexpected("OK", line)
		}
	}
}

// hasWord reports whether s is word or begins with it and something that ends
// a word.
func hasWord(s, word string) bool {
	return s == word || strings.HasPrefix(s, word+" ") || strings.HasPrefix(s, word+"(")
}

// literalLine reads a line of IMAP or ManageSieve with its literals: "{5}" or
// "{5+}" at the end of a line announces that many bytes and the line's rest.
func (p *preamble) literalLine() (string, error) {
	var whole strings.Builder
	for {
		line, err := p.line()
		if err != nil {
			return "", err
		}
		whole.WriteString(line)
		n, ok := literalLength(line)
		if !ok {
			return whole.String(), nil
		}
		literal, err := p.next(n)
		if err != nil {
			return "", err
		}
		whole.WriteString("\n")
		whole.Write(literal)
	}
}

func literalLength(line string) (int, bool) {
	inside, ok := strings.CutSuffix(line, "}")
	i := strings.LastIndexByte(inside, '{')
	if !ok || i < 0 {
		return 0, false
	}
	digits := strings.TrimSuffix(inside[i+1:], "+")
	if !isDigits(digits) {
		return 0, false
	}
	n, err := strconv.Atoi(digits)
	if err != nil {
		n = maxPreamble + 1
	}
	return n, true
}

// irc sends the command that no RFC describes but InspIRCd and UnrealIRCd
// share: 670 is the go-ahead. The client speaks first; before the answer come
// notices on host name and ident look-ups. CAP LS goes ahead of the command,
// because servers without STARTTLS may leave an unknown command unanswered.
func irc(p *preamble) error {
	if err := p.send("CAP LS\r\nSTARTTLS\r\n"); err != nil {
		return err
	}
	offered := false
	for {
		line, err := p.line()
		if err != nil {
			return err
		}
		switch command, parameters := ircMessage(line); {
		case command == "670":
			return nil
		case command == "CAP":
			tls, more := ircCapabilities(parameters)
			offered = offered || tls
			if !offered && !more {
				return refused(line)
			}
		case command == "439":
			// "Please wait while we process your connection": no error.
		case command == "421" && strings.Contains(parameters, "CAP"):
			// It knows no capabilities, and may know STARTTLS.
		case command == "ERROR", isDigits(command) && command[0] >= '4':
			return refused(line)
		case command == "":
			return unexpected("an IRC message", line)
		}
	}
}

// ircCapabilities reports whether the parameters of a CAP LS reply ("* LS
// :multi-prefix tls") have the capability tls, and whether another line
// follows ("* LS * :…").
func ircCapabilities(parameters string) (tls, more bool) {
	before, list, _ := strings.Cut(parameters, " :")
	return slices.Contains(strings.Fields(list), "tls"), strings.HasSuffix(before, " LS *")
}

// ircMessage splits a message (RFC 2812 §2.3.1) into its command, letters or
// three digits after an optional prefix, and what follows. The command is ""
// if line is no message.
func ircMessage(line string) (command, parameters string) {
	if strings.HasPrefix(line, ":") {
		_, line, _ = strings.Cut(line, " ")
	}
	command, parameters, _ = strings.Cut(strings.TrimLeft(line, " "), " ")
	isNumeric := len(command) == 3 && isDigits(command)
	if !isNumeric && strings.Trim(command, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		return "", ""
	}
	return command, parameters
}
