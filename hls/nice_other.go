//go:build !unix

package hls

func yieldTo(pid, nice int) {}
