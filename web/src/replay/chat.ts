import { get } from '../lib/api';
import type { Event } from '../lib/types';
import { rowOf } from '../room/chatlog.svelte';
import type { Ask, Line } from './conversation';

const pagesAtMost = 12; // of 200 lines each, for one stretch

/** Asks the API for what was said in a show. */
export function chatOf(show: string): Ask {
  return async (from, to) => {
    const lines: Line[] = [];
    const span = `from=${new Date(from).toISOString()}&to=${new Date(to).toISOString()}`;
    let after = 0;
    for (let page = 0; page < pagesAtMost; page++) {
      const answer = await get<{ events: Event[]; after?: number }>(`/shows/${show}/chat?${span}&after=${after}`);
      for (const event of answer.events) {
        const row = rowOf(event);
        if (row) lines.push({ at: Date.parse(event.media_at ?? event.at!), row });
      }
      if (!answer.after) break;
      after = answer.after;
    }
    return lines;
  };
}
