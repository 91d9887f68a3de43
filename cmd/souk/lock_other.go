//go:build !unix || solaris || aix

package main

// lock does nothing where there is no flock: keep a data folder to one server.
func lock(string) (release func(), err error) { return func() {}, nil }
