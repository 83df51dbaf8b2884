#!/bin/sh
# Makes the lists of nmap, masscan and zmap that lie here, in two network
# namespaces: sh generate.sh (as root; nmap, masscan, zmap, python3, iproute2).
set -eu
cd "$(dirname "$0")"
ip netns add scanner
ip netns add target
trap 'kill %1; ip netns del scanner; ip netns del target' EXIT
ip link add v0 netns scanner type veth peer name v1 netns target
ip -n scanner addr add 192.0.2.1/24 dev v0
ip -n target addr add 192.0.2.10/24 dev v1
ip -n target addr add 192.0.2.11/24 dev v1
ip -n scanner -6 addr add 2001:db8::1/64 dev v0 nodad
ip -n target -6 addr add 2001:db8::10/64 dev v1 nodad
for ns in scanner target; do ip -n $ns link set lo up; done
ip -n scanner link set v0 up
ip -n target link set v1 up
ip netns exec target python3 -c '
import socket, time
servers = []
for address, port in ("192.0.2.10", 443), ("192.0.2.10", 8443), ("192.0.2.11", 443), ("2001:db8::10", 443):
    servers.append(socket.create_server((address, port), family=socket.AF_INET6 if ":" in address else socket.AF_INET))
time.sleep(600)' &
sleep 1
mac=$(ip -n target -br link show v1 | awk '{print $3}')
in="ip netns exec scanner"
$in nmap -n -Pn -p 443,8443,80 192.0.2.10-12 -v -oG nmap.gnmap -oX nmap.xml -oN nmap.txt >nmap-v.txt
$in nmap -6 -n -Pn -p 443 2001:db8::10 -oG nmap6.gnmap >/dev/null
names=$(mktemp)
echo "192.0.2.10 www.example.com" >"$names"
$in unshare -m sh -c "mount --bind $names /etc/hosts; nmap -Pn -p 443 www.example.com -oX nmap-name.xml" >/dev/null
masscan="$in masscan --adapter v0 --source-ip 192.0.2.1 --router-mac $mac -p443,8443 192.0.2.10-192.0.2.12 --rate 100 --wait 3"
for form in L:list J:json G:gnmap X:xml D:ndjson; do $masscan -o${form%:*} masscan.${form#*:}; done
$masscan >masscan.txt
zmap="$in zmap -i v0 -S 192.0.2.1 -G $mac -p 443 192.0.2.8/29 -b /dev/null -c 3 -r 100"
$zmap -o zmap.csv
$zmap -o zmap-fields.csv -f saddr,sport,classification,success --output-module csv
$zmap -o zmap.json -O json -f saddr,sport,success
