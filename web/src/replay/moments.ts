import { get } from '../lib/api';
import type { Pin, Product } from '../lib/types';

/** A card that was on air: the product as it was then, from one moment of the show to another. Unix ms. */
export type Moment = { pin: string; product: Product; from: number; to: number };

/** One line of a show's log. */
export type Entry = { seq: number; at: string; media_at?: string; type: string; data: unknown };

const pagesAtMost = 20; // of 1000 lines each

/** What was on air when, the earliest first, from the log of a show. A card ends where the next one begins. */
export function momentsOf(log: Entry[]): Moment[] {
  const all: Moment[] = [];
  for (const entry of log) {
    if (entry.type !== 'pinned' && entry.type !== 'unpinned') continue;
    const card = entry.data as Pin;
    const at = Date.parse(entry.media_at ?? entry.at);
    const on = all.at(-1);
    if (entry.type === 'pinned') {
      if (on) on.to = Math.min(on.to, at);
      all.push({ pin: card.pin, product: card.product, from: at, to: Infinity });
    } else if (on?.pin === card.pin) on.to = at;
  }
  return all;
}

/** The card for a moment of the show. */
export function momentAt(moments: Moment[], date: number): Moment | null {
  const begun = moments.filter((m) => m.from <= date).at(-1);
  return begun && date < begun.to ? begun : null;
}

/** Reads the log of a show to its end. Rejects as `get` does. */
export async function readLog(show: string, read = get<{ log: Entry[] }>): Promise<Entry[]> {
  const all: Entry[] = [];
  for (let page = 0; page < pagesAtMost; page++) {
    const { log } = await read(`/shows/${show}/log?after=${all.at(-1)?.seq ?? 0}`);
    if (log.length === 0) break;
    all.push(...log);
  }
  return all;
}
