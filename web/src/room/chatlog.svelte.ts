import type { Event, Person } from '../lib/types';

/** One line of the conversation. */
export type Row =
  | { kind: 'message' | 'question'; id: string; from: Person; text: string }
  | { kind: 'answered'; id: string; asker: string; text: string; answer: string }
  | { kind: 'private'; id: string; sender: string; text: string }
  | { kind: 'notice'; id: string; text: string }
  | { kind: 'gap'; id: string; count: number }
  | { kind: 'sold'; id: string; title: string; quantity: number };

const flushEvery = 200; // ms; a busy room costs the page a fixed number of renderings per second
const keep = 120;
const trimAbove = 240;
const queueAtMost = 150;

/**
 * The lines on screen: bounded, appended in batches, and standing still while the reader has scrolled up.
 * Appending and trimming never happen in one step, or rows would jump under the reader's eyes.
 */
export class ChatLog {
  rows = $state.raw<Row[]>([]);
  /** New lines not shown because the reader is reading older ones. */
  held = $state(0);

  private queue: Row[] = [];
  private timer: ReturnType<typeof setTimeout> | undefined;
  private frozen = false;

  /** Replaces everything: the history of a fresh welcome. */
  reset(history: Event[]): void {
    this.queue = [];
    this.held = 0;
    this.rows = history.map(rowOf).filter((row) => row !== null);
  }

  add(event: Event): void {
    const row = rowOf(event);
    if (!row) return;
    this.queue.push(row);
    if (this.queue.length > queueAtMost) this.queue.shift();
    if (this.frozen) this.held++;
    else this.timer ??= setTimeout(() => this.flush(), flushEvery);
  }

  remove(message: string): void {
    this.queue = this.queue.filter((row) => row.id !== message);
    if (this.rows.some((row) => row.id === message)) this.rows = this.rows.filter((row) => row.id !== message);
  }

  /** The reader scrolled away from the end (true) or came back to it (false). */
  freeze(frozen: boolean): void {
    if (frozen === this.frozen) return;
    this.frozen = frozen;
    if (!frozen) this.flush();
  }

  get wantsTrim(): boolean {
    return !this.frozen && this.rows.length > trimAbove;
  }

  trim(): void {
    this.rows = this.rows.slice(-keep);
  }

  private flush(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (this.frozen || this.queue.length === 0) return;
    this.rows = [...this.rows, ...this.queue];
    this.queue = [];
    this.held = 0;
  }
}

/** The line that an event makes; null for one that makes none. */
export function rowOf(event: Event): Row | null {
  const { data } = event;
  switch (event.type) {
    case 'message':
    case 'question':
      return { kind: event.type, id: data.id, from: data.from, text: data.text };
    case 'answered':
      return { kind: 'answered', id: data.id, asker: data.from.name, text: data.text, answer: data.answer ?? '' };
    case 'private':
      return { kind: 'private', id: data.letter, sender: data.from.name, text: data.text };
    case 'notice':
      return { kind: 'notice', id: `notice-${event.seq}`, text: data.text };
    case 'gap':
      return { kind: 'gap', id: `gap-${data.from}`, count: data.to - data.from + 1 };
    case 'sold':
      return data.title ? { kind: 'sold', id: `sold-${event.seq}`, title: data.title, quantity: data.quantity ?? 1 } : null;
  }
  return null;
}
