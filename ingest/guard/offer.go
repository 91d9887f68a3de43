package guard

import "souk/ingest/amf"

// Capabilities of a peer, "NetConnection connect Command" of Enhanced RTMP: bits
// of capsEx.
const (
	CapReconnect  = 1
	CapMultitrack = 2
	CapModEx      = 4
	CapNanosecond = 8
)

// maxFourCCs is how many codecs of a list are looked at.
const maxFourCCs = 16

// Offer is what the peer said about itself in its connect.
type Offer struct {
	FlashVer string
	FourCCs  []string // codecs it can send, "*" for any
	Caps     int      // Cap bits
}

// Offer returns what connect said. Only the reading goroutine may call it, from
// the library's connect callback on.
func (c *Conn) Offer() Offer { return c.offer }

// offerOf reads a connect object. Wrong types are as good as absent.
func offerOf(connect amf.Object) Offer {
	var o Offer
	o.FlashVer, _ = connect.Get("flashVer").(string)
	o.Caps = int(natural(connect.Get("capsEx")))
	list, _ := connect.Get("fourCcList").(amf.Array)
	for _, v := range list[:min(len(list), maxFourCCs)] {
		if code, ok := v.(string); ok && (len(code) == 4 || code == "*") {
			o.FourCCs = append(o.FourCCs, code)
		}
	}
	if info, ok := connect.Get("videoFourCcInfoMap").(amf.Object); ok && len(o.FourCCs) == 0 {
		for _, p := range info[:min(len(info), maxFourCCs)] {
			if len(p.Name) == 4 || p.Name == "*" {
				o.FourCCs = append(o.FourCCs, p.Name)
			}
		}
	}
	return o
}
