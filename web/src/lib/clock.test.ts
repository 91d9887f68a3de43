import { expect, test, vi } from 'vitest';
import { ServerClock } from './clock';

test('the least delayed exact sample wins over later ones and over a Date header', () => {
  vi.useFakeTimers({ now: 1_000_000 });
  const clock = new ServerClock();
  clock.coarse('Thu, 01 Jan 1970 00:20:00 GMT');
  expect(clock.now()).toBe(1_200_500);
  clock.exact(1_199_900);
  clock.exact(1_199_990);
  clock.exact(1_199_500);
  clock.coarse('Thu, 01 Jan 1970 02:00:00 GMT');
  expect(clock.now()).toBe(1_199_990);
  vi.useRealTimers();
});

test('nonsense is ignored', () => {
  vi.useFakeTimers({ now: 5_000 });
  const clock = new ServerClock();
  clock.coarse(null);
  clock.coarse('yesterday');
  expect(clock.now()).toBe(5_000);
  vi.useRealTimers();
});
