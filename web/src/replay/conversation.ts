import type { Row } from '../room/chatlog.svelte';

/** A line with the moment of the show to which it belongs, unix ms. */
export type Line = { at: number; row: Row };

/** Asks for what was said from one moment to another; unix ms. */
export type Ask = (from: number, to: number) => Promise<Line[]>;

const stretch = 30_000; // ms of the show that are asked for at once
const back = 20; // stretches before the playhead that are looked at
const enough = 12; // lines on screen for which nothing older is fetched
const shown = 60; // lines at most
const kept = 64; // stretches
const restAfterFailure = 5_000; // ms

type Stretch = { lines: Line[] | null; asked: number };

/**
 * What was said in a show, in step with its playhead. It fetches the stretch being played, the next one, and as many
 * before as it takes to fill the screen after a seek; everything else is not asked for.
 */
export class Conversation {
  private readonly stretches = new Map<number, Stretch>();

  constructor(
    private readonly from: number,
    private readonly to: number,
    private readonly ask: Ask,
    private readonly now: () => number = Date.now,
  ) {}

  /** The lines on screen at a moment, the newest last. Called at every tick: it also fetches what is missing. */
  at(date: number): Row[] {
    const here = this.index(date);
    const rows: Row[] = [];
    for (let i = here; i >= 0 && i > here - back && rows.length < shown; i--) {
      const lines = rows.length < enough ? this.fetch(i) : this.stretches.get(i)?.lines;
      if (!lines) break; // when it has come, the next tick looks further back
      rows.unshift(...lines.filter((line) => line.at <= date).map((line) => line.row));
    }
    this.fetch(here + 1);
    this.forget(here);
    return rows.slice(-shown);
  }

  private index(date: number): number {
    return Math.max(0, Math.floor((Math.min(date, this.to) - this.from) / stretch));
  }

  /** The lines of a stretch, or null while they are on their way. */
  private fetch(i: number): Line[] | null {
    const from = this.from + i * stretch;
    if (from > this.to) return [];
    const known = this.stretches.get(i);
    if (known && (known.lines || this.now() - known.asked < restAfterFailure)) return known.lines;
    const mine: Stretch = { lines: null, asked: this.now() };
    this.stretches.set(i, mine);
    this.ask(from, from + stretch).then(
      (lines) => (mine.lines = lines),
      () => undefined, // asked for again after a rest
    );
    return null;
  }

  /** Keeps what is near. */
  private forget(here: number): void {
    while (this.stretches.size > kept) {
      let farthest = here;
      for (const i of this.stretches.keys()) if (Math.abs(i - here) > Math.abs(farthest - here)) farthest = i;
      this.stretches.delete(farthest);
    }
  }
}
