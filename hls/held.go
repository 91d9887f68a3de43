package hls

// Held is how many bytes of media the windows of all streams hold, with what left them and is readable still. They are
// most of what a server with publishers keeps in memory.
func (o *Origin) Held() (bytes int64) {
	for _, st := range o.all() {
		for track := range maxTracks {
			if v := st.timeline.look(track); v != nil {
				bytes += v.held()
			}
		}
	}
	return bytes
}

func (v *view) held() (bytes int64) {
	for _, s := range v.segments {
		bytes += int64(s.size)
	}
	for _, p := range v.tail.parts {
		bytes += int64(p.size)
	}
	return bytes
}
