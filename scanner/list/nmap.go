package list

import (
	"encoding/xml"
	"errors"
	"strings"
)

// grepable reads a line of nmap's and masscan's -oG: "Host: 192.0.2.1 ()", a
// tab, "Ports: 443/open/tcp//https///, …". Lines without an open TCP port have
// no target. The name in parentheses may be of a reverse look-up, so it is not
// asked for.
func grepable(text string) (Line, bool) {
	var e entry
	sawPorts := false
	for part := range strings.SplitSeq(text, "\t") {
		key, value, _ := strings.Cut(part, ": ")
		switch key {
		case "Host":
			e.host, _, _ = strings.Cut(value, " ")
		case "Ports":
			sawPorts = true
			for port := range strings.SplitSeq(value, ",") {
				fields := strings.Split(strings.TrimSpace(port), "/")
				if len(fields) < 3 {
					return Line{Err: errors.New("not a port of nmap's -oG: 443/open/tcp//https///")}, true
				}
				if fields[1] == "open" && fields[2] == "tcp" {
					e.addPort(fields[0])
				}
			}
		case "Status":
			return Line{}, false
		}
	}
	switch {
	case !sawPorts && !strings.Contains(text, "\t"):
		return Line{Err: errors.New("not a line of nmap's -oG: there is no tab after the host")}, true
	case len(e.ports) == 0:
		return Line{}, false
	}
	return e.line()
}

// discovered reads "Discovered open port 443/tcp on 192.0.2.1", which nmap -v
// and masscan print as they find it.
func discovered(text string) (Line, bool) {
	fields := strings.Fields(text)
	if len(fields) != 6 || fields[4] != "on" {
		return Line{Err: errors.New("not a discovery: Discovered open port 443/tcp on 192.0.2.1")}, true
	}
	port, ok := tcpPort(fields[3])
	if !ok {
		return Line{}, false
	}
	return entry{host: fields[5], ports: []string{port}}.line()
}

// reportLine reads nmap's output for people. Each open port is told in the
// table of its host, and with -v in a line of its own, before; then the tables
// are passed over.
func (r *Reader) reportLine(text string) (Line, bool) {
	if strings.HasPrefix(text, "Discovered open port ") {
		r.discovered = true
		return discovered(text)
	}
	if host, ok := strings.CutPrefix(text, "Nmap scan report for "); ok {
		// "name (192.0.2.1)", where the name may be of a reverse look-up.
		if _, addr, named := strings.Cut(host, " ("); named {
			host = strings.TrimSuffix(addr, ")")
		}
		r.report, _, _ = strings.Cut(host, " ")
		return Line{}, false
	}
	fields := strings.Fields(text)
	if len(fields) < 2 || fields[1] != "open" || r.discovered || r.report == "" {
		return Line{}, false
	}
	port, ok := tcpPort(fields[0])
	if !ok || !isNumber(port) {
		return Line{}, false
	}
	return entry{host: r.report, ports: []string{port}}.line()
}

// host is that of nmap's and masscan's -oX.
type host struct {
	Addresses []struct {
		Addr string `xml:"addr,attr"`
		Type string `xml:"addrtype,attr"`
	} `xml:"address"`
	Names []struct {
		Name string `xml:"name,attr"`
		Type string `xml:"type,attr"`
	} `xml:"hostnames>hostname"`
	Ports []struct {
		Protocol string `xml:"protocol,attr"`
		Number   string `xml:"portid,attr"`
		State    struct {
			State string `xml:"state,attr"`
		} `xml:"state"`
	} `xml:"ports>port"`
}

// hostElement reads one element of XML. A host without an open TCP port has no
// target. A name that was on nmap's command line is asked for, one of a reverse
// look-up is not.
func hostElement(element []byte) (Line, bool) {
	var h host
	if err := xml.Unmarshal(element, &h); err != nil {
		return Line{Err: errors.New("not a host element of nmap's -oX: " + err.Error())}, true
	}
	var e entry
	for _, address := range h.Addresses {
		if address.Type != "mac" && e.host == "" {
			e.host = address.Addr
		}
	}
	for _, name := range h.Names {
		if name.Type == "user" {
			e.name = name.Name
		}
	}
	for _, port := range h.Ports {
		if port.State.State == "open" && (port.Protocol == "tcp" || port.Protocol == "") {
			e.addPort(port.Number)
		}
	}
	if len(e.ports) == 0 {
		return Line{}, false
	}
	return e.line()
}
