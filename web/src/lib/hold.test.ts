import { expect, test } from 'vitest';
import { Hold } from './hold';

test('what is left at its lowest is brought to the reserve', () => {
  const hold = new Hold();
  expect(hold.arrived(hold.reserve)).toBe(1);
  expect(hold.arrived(hold.reserve + 0.02)).toBe(1); // near enough
  expect(new Hold().arrived(0.2)).toBeCloseTo(1.05);
  expect(new Hold().arrived(5)).toBe(1.1);
  expect(new Hold().arrived(0.04)).toBeCloseTo(0.97);
  expect(new Hold().arrived(0)).toBe(0.95);
});

test('one low is remembered for a while', () => {
  const hold = new Hold();
  hold.arrived(0.05);
  for (let i = 0; i < 9; i++) expect(hold.arrived(0.4)).toBeLessThan(1);
  expect(hold.arrived(0.4)).toBeGreaterThan(1);
});

test('stalls make it careful, up to a limit, and calm undoes that', () => {
  const hold = new Hold();
  const before = hold.reserve;
  hold.stalled();
  expect(hold.reserve).toBeGreaterThan(before);
  for (let i = 0; i < 50; i++) hold.stalled();
  const most = hold.reserve;
  expect(most).toBeLessThan(1);
  for (let i = 0; i < 10; i++) hold.arrived(most);
  expect(hold.reserve).toBeLessThan(most);
  for (let i = 0; i < 1000; i++) hold.arrived(most);
  expect(hold.reserve).toBe(before);
});

test('after a jump only what comes then counts', () => {
  const hold = new Hold();
  hold.arrived(0);
  hold.moved();
  expect(hold.arrived(hold.reserve)).toBe(1);
});
