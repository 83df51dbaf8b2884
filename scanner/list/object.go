package list

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

func isObject(text string) bool {
	return json.Valid([]byte(strings.TrimRight(text, ", \t\r")))
}

// objectLine reads an object of JSON: a result of certsweep, tlsx, httpx, zmap,
// masscan or another tool, by its keys.
func objectLine(b []byte) (Line, bool) {
	var object map[string]json.RawMessage
	if err := json.Unmarshal(b, &object); err != nil {
		// That is how masscan ended its lists until 1.0.4.
		if string(b) == "{finished: 1}" {
			return Line{}, false
		}
		return Line{Err: fmt.Errorf("not an object of JSON: %w", err)}, true
	}
	values := make(map[string]json.RawMessage, len(object))
	for key, value := range object {
		values[normalColumn(key)] = value
	}
	if scalar(values["rec_type"]) == "banner" {
		// masscan has told the port before.
		return Line{}, false
	}
	var ports []string
	for _, column := range portColumns {
		found, ok := jsonPorts(values[column])
		if !ok {
			return Line{}, false
		}
		if ports = found; ports != nil {
			break
		}
	}
	e := columnEntry(func(column string) string { return scalar(values[column]) }, ports)
	if e.host == "" {
		return Line{Err: errors.New("the object has no key that names a target: host, ip, url, domain, and port beside them")}, true
	}
	return e.line()
}

// scalar returns the text of a JSON string or number, "" for anything else.
func scalar(raw json.RawMessage) string {
	raw = bytes.TrimSpace(raw)
	switch {
	case len(raw) == 0:
	case raw[0] == '"':
		var s string
		_ = json.Unmarshal(raw, &s)
		return s
	case raw[0] == '-' || '0' <= raw[0] && raw[0] <= '9':
		return string(raw)
	}
	return ""
}

// jsonPorts reads a port, an array of them, or masscan's array of objects. ok is
// false if none of masscan's is an open one of TCP.
func jsonPorts(raw json.RawMessage) (ports []string, ok bool) {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 || raw[0] != '[' {
		// Port 0 of a record stands for none.
		if s := scalar(raw); s != "" && s != "0" {
			port, ok := tcpPort(s)
			return []string{port}, ok
		}
		return nil, true
	}
	var e entry
	var elements []json.RawMessage
	_ = json.Unmarshal(raw, &elements)
	for _, element := range elements {
		if s := scalar(element); s != "" {
			e.addPort(s)
			continue
		}
		var port struct {
			Port    json.Number     `json:"port"`
			Proto   string          `json:"proto"`
			Status  string          `json:"status"`
			Service json.RawMessage `json:"service"`
		}
		if json.Unmarshal(element, &port) != nil || port.Port == "" || port.Proto != "tcp" && port.Proto != "" {
			continue
		}
		if port.Status == "open" || port.Status == "" && port.Service == nil {
			e.addPort(port.Port.String())
		}
	}
	return e.ports, len(elements) == 0 || e.ports != nil
}
