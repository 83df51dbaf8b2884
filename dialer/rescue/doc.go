// Package rescue reads the certificate of a TLS server that crypto/tls cannot
// shake hands with. It sends a hand-made ClientHello that offers everything,
// reads as far as the Certificate message, and stops: up to TLS 1.2 that
// message is in clear whatever suite was chosen, under TLS 1.3 it takes one key
// agreement and the decryption of a few records.
//
// It verifies nothing, neither a signature nor a Finished message: whoever sits
// between may have written what it returns. A record made from it says so in
// tls.method, with the name of the [Hello] in place of "handshake".
//
// Most callers want [Client.Fetch], with [Hello13] first, and with [Hello10] on
// a new connection where that ends in protocol_version, EOF or a reset.
package rescue
