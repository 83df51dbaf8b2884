package results

import "certsweep/results/certificate"

// Capture says where in a packet capture a handshake was.
type Capture struct {
	Client string `json:"client"` // address and port
	// Packet is the number of the ClientHello's packet in its file, from 1, or of
	// the first packet that was read of the handshake.
	Packet int64 `json:"packet"`
	// End says what ended the reading: handshake fin rst idle reused connection_cap
	// total_cap capture.
	End string `json:"end"`
	// Seen counts the connections that the record stands for.
	Seen int `json:"seen"`
	// OutOfOrder counts the connection's segments, until then, that came before
	// what precedes them.
	OutOfOrder int   `json:"out_of_order"`
	VLAN       []int `json:"vlan"` // the outer first
	// JA3 is the fingerprint of the ClientHello; empty if it was not asked for, or
	// not seen. That of the ServerHello is in Fingerprints.
	JA3 string `json:"ja3,omitempty"`
	// ClientCertificate and ClientChain are the client's, if they were asked for
	// and it showed any.
	ClientCertificate *certificate.Certificate   `json:"client_certificate,omitempty"`
	ClientChain       []*certificate.Certificate `json:"client_chain,omitempty"`
}

// CaptureCounts says what was in a capture. Packets is the sum of TCP to
// UnknownLink, and Flows that of Handshakes and of those without a hello.
type CaptureCounts struct {
	Packets     int64 `json:"packets"`
	Bytes       int64 `json:"bytes"` // of packets, as captured
	TCP         int64 `json:"tcp"`
	QUIC        int64 `json:"quic"` // counted, not read
	DTLS        int64 `json:"dtls"` // the same
	Other       int64 `json:"other"`
	Fragments   int64 `json:"fragments"` // of IP, but for the last of each packet
	Malformed   int64 `json:"malformed"`
	UnknownLink int64 `json:"unknown_link"`
	// CutPackets were longer on the wire.
	CutPackets int64 `json:"cut_packets"`
	// Flows are TCP connections, and Handshakes those with a hello: each has its
	// record, or is counted in one.
	Flows           int64 `json:"flows"`
	Handshakes      int64 `json:"handshakes"`
	OutOfOrder      int64 `json:"out_of_order"`
	Retransmissions int64 `json:"retransmissions"`
	// Gaps counts where bytes were given up for missing.
	Gaps int64 `json:"gaps"`
	// ConnectionCap and TotalCap count the connections that were given up for these
	// caps, and UniqueEarly the records that went out before the end for the latter.
	ConnectionCap int64 `json:"connection_cap"`
	TotalCap      int64 `json:"total_cap"`
	UniqueEarly   int64 `json:"unique_early"`
	// SecretsDropped counts secrets of the capture's own that were too many to keep.
	SecretsDropped int64 `json:"secrets_dropped"`
	// PeakBufferedBytes is the most that was held of all connections.
	PeakBufferedBytes int64 `json:"peak_buffered_bytes"`
}
