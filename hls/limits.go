package hls

import "time"

// What the packaging aims at.
const (
	// partMin is the shortest part that is cut, but for the last one of a segment.
	partMin = 200 * time.Millisecond

	// partTarget is announced as PART-TARGET. RFC 8216bis wants every part but a segment's last between 85 % and 100 %
	// of it. From 15 frames a second up, whole frames that last at least partMin also last at most this, whatever
	// the rate, so that encoders may come and go without the announced constant having to change.
	partTarget = 235 * time.Millisecond

	// partHoldBack is how far players stay from the live edge: three part targets, as the draft advises.
	partHoldBack = 3 * partTarget

	// segmentMin makes a key frame end the segment. It is below the usual interval of one second, or else jitter
	// would let every other key frame pass.
	segmentMin      = 800 * time.Millisecond
	audioSegmentMin = time.Second

	// windowLeast is how many target durations of media stay in the playlist, the least that RFC 8216bis section 6.2.2
	// allows. What has left it stays readable for as long again, so that this is what a stream costs in memory.
	windowLeast = 3

	// windowTargets is how many stay while they are not more than windowBytes, so that delta updates have something to
	// leave out.
	windowTargets = 8
	windowBytes   = 4 << 20

	// skipTargets is how many target durations a segment must be old to be left out of a delta update: the least
	// that RFC 8216bis section 4.4.3.8 allows.
	skipTargets = 6

	// windowSegments is the least number of segments in a window that is full.
	windowSegments = 4

	// indexPatience is how much media of a run may be on the timeline before the multivariant playlist is written
	// without the renditions that have no segment yet. They are listed once they have.
	indexPatience = 2 * time.Second

	// measureSpan of an incomplete segment is enough to tell the bit rate of a rendition.
	measureSpan = time.Second

	// slotSlack is how far renditions' key frames may lie apart and be one: less than half a part.
	slotSlack = 90 * time.Millisecond

	// maxSlots bounds what is known of past sequence numbers, for telling where a rendition that comes back has gaps.
	maxSlots = 64

	// maxWaiting bounds the parts of a rendition that is ahead of the source.
	maxWaiting = 64

	// partSegments is how many complete segments keep their parts listed.
	partSegments = 2
)

// targetDurations are the values TARGETDURATION is chosen from, in seconds, by the first segment of a show: the
// default, and two for encoders with rare key frames. A later segment that would not fit is cut at a part.
var targetDurations = [...]int{2, 4, 10}

// What the input may do.
const (
	jumpForward  = 3 * time.Second        // of media time, without a frame
	jumpBackward = 500 * time.Millisecond // of media time, within one track
	longestFrame = 2 * time.Second        // of video: it must fit a segment

	probeSpan         = time.Second     // how long a session waits for its second track
	probeSpanDeclared = 3 * time.Second // the same for video that was announced by SetVideo
	probeFrames       = 600             // frames held back meanwhile, whatever their times
	probeBytes        = 16 << 20        // likewise

	lostAudio = time.Second     // of video without audio, then the run goes on without
	lostVideo = 5 * time.Second // of audio without video, then the run goes on without
	lostTrack = time.Second     // of other renditions without one, then they go on without

	segmentMaxBytes = 32 << 20 // between two key frames
	readableBytes   = 96 << 20 // expired segments are forgotten early beyond this
	maxWriteErrors  = 30       // frames in a row that are not taken, then a new run
	maxStill        = 30       // frames in a row whose time does not advance that are taken
	maxScratch      = 1 << 20  // bytes that a track keeps for its next part, whatever that takes
	maxUnits        = 512      // NAL units or OBUs of one frame
	maxTracks       = 6        // video tracks of one session
	maxDateRanges   = 256      // of one show; the oldest closed one goes first
	maxAttrs        = 32       // of one date range
)

// What a request may cost.
const (
	firstWait  = 15 * time.Second // index.m3u8 of a publisher whose first segment is not complete
	blockWhole = 3.0              // target durations that a reload may block for a segment
	blockPart  = 0.75             // the same for a part: some players give up on the answer after 0.8

	mediaMaxAge = 24 * time.Hour
	indexMaxAge = 2 * time.Second
	liveMaxAge  = time.Second

	endedReadable = 2 * time.Minute // an ended show's window
	sweepEvery    = 10 * time.Second
)
