package dialer_test

// reachMisses are the servers that show no certificate to a scan, by server and
// case, and why. A miss that is not here fails the test, and so does one here
// that is none.
var reachMisses = map[string]string{}
