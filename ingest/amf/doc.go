// Package amf reads and writes Action Message Format 0, the value notation of
// RTMP commands, without trusting the writer.
//
// Decode bounds everything a sender can exaggerate: nesting, the number of
// values, and every length against the bytes that are really there. Memory is
// spent only on values that arrived. What decodes can be appended again in a
// narrow dialect (no references, no typed objects, no undefined), which is how
// the guard makes sure that the RTMP library only ever parses bytes that this
// package wrote.
//
// The package starts no goroutines and keeps no state. Read value.go first.
//
// Section numbers in comments refer to Adobe's "Action Message Format -- AMF 0".
package amf
