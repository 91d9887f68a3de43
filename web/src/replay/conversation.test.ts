import { expect, test } from 'vitest';
import type { Row } from '../room/chatlog.svelte';
import { Conversation, type Line } from './conversation';

const start = Date.UTC(2026, 10, 20, 19);
const end = start + 3_600_000;
const said = (second: number): Line => ({ at: start + second * 1000, row: { kind: 'message', id: `m${second}`, from: { id: 'p', name: 'Mira' }, text: `${second}` } });
const ids = (rows: Row[]) => rows.map((row) => row.id);

/** A show in which somebody says something at the given seconds. */
function show(seconds: number[], fails = () => false) {
  const asked: number[] = [];
  let now = 0;
  const talk = new Conversation(
    start,
    end,
    async (from, to) => {
      asked.push((from - start) / 1000);
      if (fails()) throw new Error('away');
      return seconds.map(said).filter((line) => line.at >= from && line.at < to);
    },
    () => now,
  );
  /** What is on screen at a second, once everything has come that it asked for. */
  const at = async (second: number) => {
    let rows: Row[] = [];
    for (let i = 0; i < 40; i++) {
      rows = talk.at(start + second * 1000);
      await Promise.resolve();
      await Promise.resolve();
    }
    return ids(rows);
  };
  return { asked, at, wait: (ms: number) => (now += ms) };
}

test('lines appear at their moment and go again when the playhead goes back', async () => {
  const { at } = show([1, 5, 31, 65]);
  expect(await at(0)).toEqual([]);
  expect(await at(5)).toEqual(['m1', 'm5']);
  expect(await at(64)).toEqual(['m1', 'm5', 'm31']);
  expect(await at(70)).toEqual(['m1', 'm5', 'm31', 'm65']);
  expect(await at(2)).toEqual(['m1']);
});

test('after a seek the screen is filled from before, and no further than it takes', async () => {
  const busy = Array.from({ length: 3600 }, (_, i) => i);
  const { asked, at } = show(busy);
  const seen = await at(1815);
  expect(seen.at(-1)).toBe('m1815');
  expect(seen.length).toBeGreaterThanOrEqual(16);
  expect(asked.sort((a, b) => a - b)).toEqual([1800, 1830]);
});

test('a quiet show is looked back into for ten minutes', async () => {
  const { asked, at } = show([100, 1500]);
  expect(await at(1999)).toEqual(['m1500']);
  expect(Math.min(...asked)).toBe(1980 - 19 * 30);
});

test('nothing is asked for twice, nor from beyond the end', async () => {
  const { asked, at } = show([3590]);
  await at(3599);
  await at(3599);
  expect(new Set(asked).size).toBe(asked.length);
  expect(Math.max(...asked)).toBeLessThanOrEqual(3600);
});

test('what failed is asked for again after a rest', async () => {
  let down = true;
  const { at, wait, asked } = show([1], () => down);
  expect(await at(5)).toEqual([]);
  expect(asked).toEqual([0, 30]);
  down = false;
  wait(6_000);
  expect(await at(5)).toEqual(['m1']);
});

test('a long show does not stay in memory', async () => {
  const { asked, at } = show([0, 3599]);
  for (let second = 0; second < 3600; second += 30) await at(second);
  const before = asked.length;
  await at(0);
  expect(asked.length).toBeGreaterThan(before); // it was forgotten, and fetched again
});
