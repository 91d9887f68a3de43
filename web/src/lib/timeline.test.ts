import { expect, test } from 'vitest';
import { Timeline } from './timeline';

test('two viewers see the change at the same frame, not at the same moment', () => {
  const line = new Timeline<string>();
  line.add(1_000, 'cup', 1_000);
  line.add(11_000, 'teapot', 11_000);
  const now = 14_000;
  expect(line.at(now - 2_000, now)).toBe('teapot');
  expect(line.at(now - 12_000, now)).toBe('cup');
});

test('nothing before the first value', () => {
  const line = new Timeline<string>();
  line.add(5_000, 'cup', 5_000);
  expect(line.at(4_999, 5_000)).toBeUndefined();
  expect(line.at(5_000, 5_000)).toBe('cup');
});

test('without a moving picture a value applies on arrival', () => {
  const line = new Timeline<string>();
  line.add(9_000, 'cup', 1_000);
  expect(line.at(null, 1_000)).toBe('cup');
});

test('values may arrive in any order, and the later of two at one instant wins', () => {
  const line = new Timeline<string>();
  line.add(3_000, 'third', 0);
  line.add(1_000, 'first', 0);
  line.add(3_000, 'third again', 0);
  expect(line.at(2_000, 0)).toBe('first');
  expect(line.at(3_000, 0)).toBe('third again');
});

test('a media time far ahead of the picture cannot hide a value for ever', () => {
  const line = new Timeline<string>(8, 30_000);
  line.add(1_000_000, 'cup', 0);
  expect(line.at(10, 29_999)).toBeUndefined();
  expect(line.at(10, 30_000)).toBe('cup');
});

test('keeps only the newest entries', () => {
  const line = new Timeline<number>(2);
  for (const at of [1, 2, 3]) line.add(at, at, 0);
  expect(line.at(1, 0)).toBeUndefined();
  expect(line.at(2, 0)).toBe(2);
});

test('a fact changes what is already on the line', () => {
  const line = new Timeline<string>();
  line.add(1, 'cup at 10', 0);
  line.add(2, 'teapot at 30', 0);
  line.change((v) => v.replace('10', '8'));
  expect([line.at(1, 0), line.at(2, 0)]).toEqual(['cup at 8', 'teapot at 30']);
});
