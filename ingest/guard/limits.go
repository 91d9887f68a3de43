package guard

import (
	"errors"
	"time"
)

// How long a peer may take.
const (
	// HandshakeTimeout is counted from accept to the last handshake byte.
	HandshakeTimeout = 10 * time.Second
	// publishTimeout is counted from accept to an accepted publish.
	publishTimeout = 15 * time.Second
	// mediaTimeout is the longest wait for the next complete audio or video
	// message. Complete, because a byte now and then must not hold a channel.
	mediaTimeout = 15 * time.Second
	// mediaStep is how much longer that may be, to spare work.
	mediaStep = time.Second
	// writeTimeout is for one write to a peer that does not read.
	writeTimeout = 10 * time.Second
	// farewellTimeout is the same once the connection is being cut.
	farewellTimeout = 2 * time.Second
	// lingerTimeout and lingerBytes bound how much is read and thrown away
	// before a close, so that a last status is not lost to a reset.
	lingerTimeout = time.Second
	lingerBytes   = 16 << 20
)

// How much a peer may send, in bytes unless said otherwise.
const (
	maxControl = 64
	maxCommand = 64 << 10
	maxAudio   = 1 << 20
	maxVideo   = 8 << 20 // a 2160p key frame is 0.5 to 2 MiB

	maxChunkStreams  = 32 // chunk stream ids of one connection
	maxCreateStreams = 8  // createStream commands of one connection
	minChunkSize     = 128
	maxChunkSize     = 0xffffff // section 5.4.1: no message is longer

	// beforePublish is all a connection may send until its publish is
	// accepted; encoders need about two KiB.
	beforePublish = 256 << 10
	// maxHeldBefore and maxHeld bound the memory of unfinished messages before
	// and after an accepted publish.
	maxHeldBefore = 256 << 10
	maxHeld       = 24 << 20
	// firstGrab is what a message gets on its length alone; the rest follows
	// when that much has arrived.
	firstGrab = 256 << 10
	// maxSpare is the largest body whose memory is kept for another message.
	maxSpare = 1 << 20

	// readBuffer and mediaBuffer are for reading before and after an accepted
	// publish. A frame should take one system call.
	readBuffer  = 16 << 10
	mediaBuffer = 64 << 10
)

// Acknowledgements, section 5.4.4.
const (
	defaultWindow = 2_500_000
	minWindow     = 128 << 10 // a smaller wish would cost a write per chunk
)

// Why a connection was closed. These end up in the log, never at the peer.
var (
	errNotRTMP     = errors.New("guard: the first byte is not RTMP version 3")
	errHandshake   = errors.New("guard: no handshake in time")
	errNoPublish   = errors.New("guard: no publish in time")
	errUnread      = errors.New("guard: the peer does not read")
	errSilent      = errors.New("guard: no complete audio or video message in time")
	errHeader      = errors.New("guard: chunk header continues a message that never began")
	errChunkSize   = errors.New("guard: chunk size out of range")
	errStreams     = errors.New("guard: too many chunk streams")
	errTooLarge    = errors.New("guard: message larger than its kind may be")
	errHeld        = errors.New("guard: too much memory in unfinished messages")
	errBudget      = errors.New("guard: too much sent before publish")
	errCommand     = errors.New("guard: malformed command")
	errManyStreams = errors.New("guard: too many createStream commands")
)
