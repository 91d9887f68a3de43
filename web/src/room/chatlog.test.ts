import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Event } from '../lib/types';
import { ChatLog } from './chatlog.svelte';

const said = (n: number): Event => ({ type: 'message', seq: n, data: { id: `m${n}`, from: { id: 'u', name: 'Mira' }, text: `line ${n}` } });
const ids = (log: ChatLog) => log.rows.map((row) => row.id);

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test('many messages are one rendering', () => {
  const log = new ChatLog();
  for (let n = 1; n <= 50; n++) log.add(said(n));
  expect(log.rows).toHaveLength(0);
  const before = log.rows;
  vi.advanceTimersByTime(200);
  expect(log.rows).toHaveLength(50);
  expect(log.rows).not.toBe(before);
});

test('a reader of older lines is not disturbed, and told how many are new', () => {
  const log = new ChatLog();
  log.reset([said(1)]);
  log.freeze(true);
  log.add(said(2));
  log.add(said(3));
  vi.advanceTimersByTime(10_000);
  expect(ids(log)).toEqual(['m1']);
  expect(log.held).toBe(2);
  log.freeze(false);
  expect(ids(log)).toEqual(['m1', 'm2', 'm3']);
  expect(log.held).toBe(0);
});

test('a frozen log does not grow without end: the oldest unseen lines go', () => {
  const log = new ChatLog();
  log.freeze(true);
  for (let n = 1; n <= 500; n++) log.add(said(n));
  expect(log.held).toBe(500);
  log.freeze(false);
  expect(log.rows).toHaveLength(150);
  expect(ids(log).at(-1)).toBe('m500');
});

test('wants to be trimmed only when long and not being read', () => {
  const log = new ChatLog();
  log.reset(Array.from({ length: 241 }, (_, n) => said(n)));
  log.freeze(true);
  expect(log.wantsTrim).toBe(false);
  log.freeze(false);
  expect(log.wantsTrim).toBe(true);
  log.trim();
  expect(log.rows).toHaveLength(120);
  expect(ids(log).at(-1)).toBe('m240');
});

test('a deleted message goes, shown or still waiting', () => {
  const log = new ChatLog();
  log.reset([said(1), said(2)]);
  log.add(said(3));
  log.remove('m2');
  log.remove('m3');
  log.remove('never seen');
  vi.advanceTimersByTime(200);
  expect(ids(log)).toEqual(['m1']);
});

test('what is no line of a conversation leaves no row', () => {
  const log = new ChatLog();
  log.add({ type: 'sold', seq: 1, data: { product: 'p', title: 'Cup', quantity: 2 } });
  log.add({ type: 'sold', seq: 2, data: { product: 'p', available: 3 } });
  log.add({ type: 'notice', seq: 3, data: { text: 'Back soon' } });
  log.add({ type: 'weather', data: {} });
  vi.advanceTimersByTime(200);
  expect(log.rows).toEqual([
    { kind: 'sold', id: 'sold-1', title: 'Cup', quantity: 2 },
    { kind: 'notice', id: 'notice-3', text: 'Back soon' },
  ]);
});
