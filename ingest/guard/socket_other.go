//go:build !linux

package guard

import "time"

// unread is not known here.
func unread(uintptr) int { return 0 }

// smoothedRTT is not known here.
func smoothedRTT(uintptr) time.Duration { return 0 }
