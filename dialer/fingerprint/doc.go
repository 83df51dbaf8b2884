// Package fingerprint asks a TLS server what it accepts, and what it is, by many
// hellos made by hand, each on a connection of its own: [Enumerator] finds its
// versions, cipher suites and groups, [JARM] and [JA3S] the fingerprints of these
// names.
//
// What a server accepts is found by elimination: it is offered everything, what
// it chose is taken out, and so on until it refuses the rest. That takes a
// connection for each thing accepted and two more for each list, where trying
// each by itself takes one for each of the registry's hundreds. The refusal is
// believed only if the server then answers something that it accepted before.
package fingerprint
