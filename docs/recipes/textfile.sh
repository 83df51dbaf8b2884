#!/bin/sh
# Writes the state of a list's certificates for node_exporter's textfile
# collector. As /usr/local/bin/certsweep-textfile, in /etc/cron.d/certsweep:
#
#   17 */6 * * * prometheus certsweep-textfile /etc/certsweep/endpoints.txt
#
# Worth an alert each:
#
#   certsweep_endpoint_level >= 2
#   probe_ssl_earliest_cert_expiry - time() < 14 * 86400
#   time() - certsweep_last_run_timestamp_seconds > 86400
set -u
list=$1
dir=${2:-/var/lib/node_exporter/textfile_collector}

certsweep check --quiet --format prometheus --output "$dir/certsweep.prom" "$list"
status=$?

# What fails (1) or could not be checked (3) is in the metrics, and Prometheus
# alerts on it. Cron mails what certsweep says of troubles of its own.
case $status in
0 | 1 | 3) exit 0 ;;
esac
exit "$status"
