/**
 * What was on air when: values sorted by media time, asked for by the time the picture shows.
 * A viewer two seconds behind and one twelve seconds behind get the same value at the same frame.
 */
export class Timeline<T> {
  private entries: { at: number; arrived: number; value: T }[] = [];

  /**
   * @param keep how many entries to hold; the oldest are forgotten
   * @param patience ms after arrival at which a value applies whatever the picture says, so that a wrong clock cannot hide it
   */
  constructor(
    private readonly keep = 32,
    private readonly patience = 30_000,
  ) {}

  /** Adds a value that holds from the media time `at` on. Times are unix milliseconds. */
  add(at: number, value: T, now: number): void {
    let i = this.entries.length;
    while (i > 0 && this.entries[i - 1]!.at > at) i--;
    this.entries.splice(i, 0, { at, arrived: now, value });
    if (this.entries.length > this.keep) this.entries.shift();
  }

  /**
   * The value at a media time; undefined before the first one.
   * `playhead` null means that no picture with a date is moving: then everything that has arrived applies.
   */
  at(playhead: number | null, now: number): T | undefined {
    for (let i = this.entries.length - 1; i >= 0; i--) {
      const entry = this.entries[i]!;
      if (playhead === null || entry.at <= playhead || now - entry.arrived >= this.patience) return entry.value;
    }
    return undefined;
  }

  /** Rewrites values in place, for facts that do not wait for the picture. */
  change(edit: (value: T) => T): void {
    for (const entry of this.entries) entry.value = edit(entry.value);
  }
}
