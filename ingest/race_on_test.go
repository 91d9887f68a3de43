//go:build race

package ingest

// underRace says that the race detector keeps books on all memory.
const underRace = true
