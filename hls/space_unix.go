//go:build linux || darwin || freebsd

package hls

import "syscall"

// freeBytes is what a folder's disk has left for users without privileges.
func freeBytes(folder string) (int64, bool) {
	var s syscall.Statfs_t
	if syscall.Statfs(folder, &s) != nil {
		return 0, false
	}
	return int64(s.Bavail) * int64(s.Bsize), true
}
