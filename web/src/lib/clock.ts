/**
 * The server's clock as seen from here. Deadlines are the server's facts, and the device's clock may be wrong by hours.
 */
class ServerClock {
  private offset: number | null = null;

  /** An exact time the server wrote just before it reached us: the least delayed sample is the best. */
  exact(serverMs: number, now = Date.now()): void {
    const sample = serverMs - now;
    if (this.offset === null || this.rough || sample > this.offset) this.offset = sample;
    this.rough = false;
  }

  /** A `Date` header: whole seconds, so only good until something better is known. */
  coarse(header: string | null, now = Date.now()): void {
    const ms = header ? Date.parse(header) : NaN;
    if (Number.isNaN(ms) || this.offset !== null) return;
    this.offset = ms + 500 - now;
    this.rough = true;
  }

  now(): number {
    return Date.now() + (this.offset ?? 0);
  }

  private rough = false;
}

export const clock = new ServerClock();
export { ServerClock };
