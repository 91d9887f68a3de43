import { expect, test } from 'vitest';
import { mainCurrency, minutesOf, spanOf, type Numbers } from './numbers';

const takings = (currency: string, gross: number) => ({ currency, orders: 1, units: 1, gross, refunded: 0, net: gross, fee: 0 });
const n = {
  viewers: [
    { at: '2026-11-20T20:00:00.000Z', viewers: 3 },
    { at: '2026-11-20T20:03:00.000Z', viewers: 9 },
  ],
  minutes: [
    { at: '2026-11-20T20:01:00.000Z', ...takings('USD', 100) },
    { at: '2026-11-20T20:01:00.000Z', ...takings('IDR', 5) },
  ],
  totals: [{ ...takings('IDR', 5), orders: 1 }, { ...takings('USD', 100), orders: 4 }],
} as unknown as Numbers;

test('every minute is there, also those in which nothing happened', () => {
  expect(minutesOf(n, mainCurrency(n)).map((m) => [m.viewers, m.gross])).toEqual([
    [3, 0],
    [0, 100],
    [0, 0],
    [9, 0],
  ]);
  expect(minutesOf({ viewers: [], minutes: [] } as unknown as Numbers, '')).toEqual([]);
});

test('a card stands where it was on air, and not outside', () => {
  const minutes = minutesOf(n, 'USD');
  const pin = (from?: string, to?: string) => spanOf({ from, to } as never, minutes);
  expect(pin('2026-11-20T20:01:00Z', '2026-11-20T20:02:00Z')).toEqual([0.25, 0.5]);
  expect(pin('2026-11-20T19:00:00Z')).toEqual([0, 1]);
  expect(pin('2026-11-20T19:00:00Z', '2026-11-20T19:30:00Z')).toBeNull();
  expect(pin()).toBeNull();
});
