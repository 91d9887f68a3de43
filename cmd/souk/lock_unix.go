//go:build unix && !solaris && !aix

package main

import (
	"errors"
	"os"
	"syscall"
)

var errLocked = errors.New("another souk runs on this folder")

// lock holds an exclusive lock on the file at path. The file stays; the lock
// ends with the process.
func lock(path string) (release func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = errLocked
		}
		return nil, err
	}
	return func() { f.Close() }, nil
}
