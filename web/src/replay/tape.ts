/** One segment: where it stands in the recording, and when it was on air. Seconds, seconds, unix ms. */
type Segment = { start: number; length: number; date: number };

/**
 * Which moment of the show stands where in its recording. The time that the encoder was away is closed up in a
 * recording, so one offset would not do: the media playlist dates every segment.
 */
export class Tape {
  readonly duration: number; // s
  private readonly segments: Segment[] = [];

  /** @param playlist a media playlist (RFC 8216 section 4.3.3) whose segments carry EXT-X-PROGRAM-DATE-TIME */
  constructor(playlist: string) {
    let start = 0;
    let length = 0;
    let date = NaN;
    for (const line of playlist.split(/\r?\n/)) {
      if (line.startsWith('#EXTINF:')) length = parseFloat(line.slice(8)) || 0;
      else if (line.startsWith('#EXT-X-PROGRAM-DATE-TIME:')) date = Date.parse(line.slice(25));
      else if (line !== '' && !line.startsWith('#')) {
        if (!Number.isNaN(date)) this.segments.push({ start, length, date });
        start += length;
        date += length * 1000; // a segment without a date of its own follows the one before
        length = 0;
      }
    }
    this.duration = start;
  }

  /** The moment that was on air at a position, in seconds; NaN for a recording without dates. */
  dateAt(position: number): number {
    const segment = this.last((s) => s.start <= position);
    return segment ? segment.date + Math.min(position - segment.start, segment.length) * 1000 : NaN;
  }

  /** Where a moment stands, in seconds. What happened while the encoder was away stands where it came back. */
  positionOf(date: number): number {
    const segment = this.last((s) => s.date <= date);
    return segment ? segment.start + Math.min((date - segment.date) / 1000, segment.length) : 0;
  }

  /** The last segment for which it holds, given that it holds for all before that one. */
  private last(holds: (segment: Segment) => boolean): Segment | undefined {
    let low = 0;
    let high = this.segments.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (holds(this.segments[middle]!)) low = middle + 1;
      else high = middle;
    }
    return this.segments[low - 1];
  }
}

/** The address of the media playlist that a multivariant playlist of one rendition names; null where it names none. */
export function mediaOf(playlist: string, address: string): string | null {
  const line = playlist.split(/\r?\n/).find((l) => l !== '' && !l.startsWith('#'));
  return line ? new URL(line, address).href : null;
}
