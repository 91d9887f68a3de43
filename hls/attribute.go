package hls

import "bytes"

// attributeOf returns the value of one attribute of an attribute list, without its quotes (RFC 8216bis section 4.2).
func attributeOf(list []byte, name string) []byte {
	for len(list) > 0 {
		key, rest, _ := bytes.Cut(list, []byte("="))
		var value []byte
		if len(rest) > 0 && rest[0] == '"' {
			value, rest, _ = bytes.Cut(rest[1:], []byte(`"`))
			rest = bytes.TrimPrefix(rest, []byte(","))
		} else {
			value, rest, _ = bytes.Cut(rest, []byte(","))
		}
		if string(key) == name {
			return value
		}
		list = rest
	}
	return nil
}
