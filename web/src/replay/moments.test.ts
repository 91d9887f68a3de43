import { expect, test } from 'vitest';
import { momentAt, momentsOf, readLog, type Entry } from './moments';

const at = (second: number) => new Date(Date.UTC(2026, 10, 20, 19, 0, second)).toISOString();
const ms = (second: number) => Date.parse(at(second));
let seq = 0;
const line = (type: string, second: number, pin: string): Entry => ({ seq: ++seq, at: at(second + 3), media_at: at(second), type, data: { pin, product: { id: `p-${pin}` } } });

// As the server writes it: what a card replaces is taken off air first, at the same moment.
const log: Entry[] = [
  { seq: ++seq, at: at(0), type: 'live', data: {} },
  line('pinned', 5, 'a'),
  line('unpinned', 20, 'a'),
  line('pinned', 20, 'b'),
  line('pinned', 30, 'c'),
  line('unpinned', 40, 'c'),
];

test('a card is on air from its own moment to its end, or to the next card', () => {
  const all = momentsOf(log);
  expect(all.map((m) => [m.pin, m.from, m.to])).toEqual([
    ['a', ms(5), ms(20)],
    ['b', ms(20), ms(30)],
    ['c', ms(30), ms(40)],
  ]);
  expect(momentAt(all, ms(4))).toBeNull();
  expect(momentAt(all, ms(5))?.pin).toBe('a');
  expect(momentAt(all, ms(20))?.pin).toBe('b');
  expect(momentAt(all, ms(39))?.pin).toBe('c');
  expect(momentAt(all, ms(40))).toBeNull();
  expect(momentAt(momentsOf([line('pinned', 1, 'd')]), ms(59))?.pin).toBe('d');
});

test('the log is read to its end, page by page', async () => {
  const asked: string[] = [];
  const read = async (path: string) => {
    asked.push(path);
    const after = Number(path.split('after=')[1]);
    return { log: log.filter((e) => e.seq > after).slice(0, 4) };
  };
  expect(await readLog('s', read as never)).toEqual(log);
  expect(asked).toEqual([`/shows/s/log?after=0`, `/shows/s/log?after=4`, `/shows/s/log?after=6`]);
});
