package certificate

import (
	"encoding/binary"
	"encoding/hex"
	"time"
)

// SCT is a signed certificate timestamp: a log's promise to show the
// certificate (RFC 6962 §3.2). Its signature is not checked.
type SCT struct {
	LogID string    `json:"log_id"` // hex, the SHA-256 of the log's key
	Time  time.Time `json:"time"`
}

// maxSCTs caps the timestamps of one certificate; authorities embed 2 to 5.
const maxSCTs = 32

// scts reads a SignedCertificateTimestampList (RFC 6962 §3.3) as far as it is
// whole. cut says that there are more than are kept.
func scts(list []byte) (read []SCT, cut bool) {
	const (
		version   = 0 // v1, the only one that is embedded so
		logIDSize = 32
		header    = 1 + logIDSize + 8
	)
	if len(list) < 2 {
		return nil, false
	}
	for list = list[2:]; len(list) >= 2; {
		size := int(binary.BigEndian.Uint16(list))
		if list = list[2:]; size > len(list) {
			break
		}
		sct := list[:size]
		list = list[size:]
		if size < header || sct[0] != version {
			continue
		}
		if len(read) == maxSCTs {
			return read, true
		}
		at := time.UnixMilli(int64(binary.BigEndian.Uint64(sct[1+logIDSize:])))
		if year := at.UTC().Year(); year < 0 || year > 9999 {
			at = time.Time{} // JSON has no such year
		}
		read = append(read, SCT{LogID: hex.EncodeToString(sct[1 : 1+logIDSize]), Time: at.UTC()})
	}
	return read, false
}
