//go:build !linux && !darwin && !freebsd

package hls

// freeBytes is not known here: recordings stop when a write fails.
func freeBytes(string) (int64, bool) { return 0, false }
