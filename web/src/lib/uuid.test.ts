import { expect, test } from 'vitest';
import { uuidv7 } from './uuid';

test('carries the time, the version and the variant', () => {
  const id = uuidv7(0x0123456789ab, new Uint8Array(16).fill(0xff));
  expect(id).toBe('01234567-89ab-7fff-bfff-ffffffffffff');
});

test('differs from call to call within one millisecond', () => {
  const ids = new Set(Array.from({ length: 1000 }, () => uuidv7(1)));
  expect(ids.size).toBe(1000);
});
