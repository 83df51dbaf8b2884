// Package hello has the ClientHello made by hand, the reader of what comes back,
// and the key schedule that it takes to read it. With them the certificate is
// read of a TLS server that crypto/tls cannot shake hands with: the hello offers
// everything, and what answers is read as far as the Certificate message: up to
// TLS 1.2 that message is in clear whatever suite was chosen, under TLS 1.3 it
// takes one key agreement and the decryption of a few records.
//
// It checks the server's signature if it can ([Result.KeyProved]), and never a
// Finished message. A record made from it says so in tls.method.
//
// Most callers want [Client.Fetch], with [Hello13] first, and with [Hello10] on
// a new connection if that ends in protocol_version, EOF or a reset. Who has a
// server's bytes and no connection feeds them to a [Reader], and who has both
// sides' gives the messages to an [Observer]. The names of versions, suites and
// groups are from here too.
package hello
