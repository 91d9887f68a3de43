const leastReserve = 0.1; // s of media that should be left when the next part arrives
const mostReserve = 0.6;
const stallAdds = 0.1;
const calmTakes = 0.004; // per part
const memory = 10; // parts
const tolerance = 0.025; // s
const gain = 0.5; // of speed per second off
const slowest = 0.95;
const fastest = 1.1;

/**
 * Holds the distance to the live edge by the speed of playback. What counts is how little media was left when a part
 * arrived: less than nothing is a stall, anything more than a reserve is delay.
 */
export class Hold {
  private lows: number[] = [];
  private wanted = leastReserve;

  /** Seconds that should be left when a part arrives. It grows with every stall and comes back in calm. */
  get reserve(): number {
    return this.wanted;
  }

  /** Takes how much was left when a part arrived; answers with the speed to play at. */
  arrived(left: number): number {
    this.lows.push(left);
    if (this.lows.length > memory) this.lows.shift();
    this.wanted = Math.max(leastReserve, this.wanted - calmTakes);
    const off = Math.min(...this.lows) - this.wanted;
    if (Math.abs(off) < tolerance) return 1;
    return Math.round(Math.min(fastest, Math.max(slowest, 1 + off * gain)) * 100) / 100;
  }

  stalled(): void {
    this.wanted = Math.min(mostReserve, this.wanted + stallAdds);
    this.lows = [];
  }

  /** The playing position was moved: what was measured says nothing any more. */
  moved(): void {
    this.lows = [];
  }
}
