package list

import (
	"net/netip"
	"strings"
)

// The names that columns of a table and keys of an object have, of each kind
// the best first. What names a host is asked for anew; an address beside it,
// as results have it, is what a look-up found then. An address beside a mere
// name, as inventories have them, is where that name is.
var (
	urlColumns      = []string{"url", "origin"}
	hostColumns     = []string{"host", "target", "endpoint", "site", "website", "subdomain"}
	addressColumns  = []string{"ip", "ip_address", "ip_addr", "ipaddress", "ipaddr", "ip_str", "saddr", "address", "addr", "host_ip", "server_ip"}
	nameColumns     = []string{"domain", "fqdn", "hostname", "host_name", "name", "dns_name", "domain_name"}
	sniColumns      = []string{"sni", "server_name", "servername"}
	portColumns     = []string{"port", "ports", "sport", "portid", "dst_port", "port_number"}
	starttlsColumns = []string{"starttls"}
	tagColumns      = []string{"tag"}
	inputColumns    = []string{"input"}
)

// normalColumn is a column's name as the lists above have it.
func normalColumn(s string) string {
	return strings.NewReplacer(" ", "_", "-", "_").Replace(strings.ToLower(strings.Trim(strings.TrimSpace(s), `"'`)))
}

// columnEntry makes an entry of named values. ports has those of the row.
func columnEntry(value func(column string) string, ports []string) entry {
	first := func(columns []string) string {
		for _, column := range columns {
			if v := strings.TrimSpace(value(column)); v != "" {
				return v
			}
		}
		return ""
	}
	e := entry{name: first(sniColumns), ports: ports, starttls: first(starttlsColumns), tag: first(tagColumns)}
	address := first(addressColumns)
	for _, column := range addressColumns {
		// One of several may be the address as a number.
		if v := strings.TrimSpace(value(column)); isAddress(v) {
			address = v
			break
		}
	}
	name := first(nameColumns)
	for _, e.host = range []string{first(urlColumns), first(hostColumns), address, name, e.name, first(inputColumns)} {
		if e.host != "" {
			break
		}
	}
	if e.name == "" && isAddress(e.host) {
		e.name = name
	}
	return e
}

func isAddress(s string) bool {
	_, err := netip.ParseAddr(s)
	return err == nil
}
