import { expect, test } from 'vitest';
import { fromBase64, toBase64 } from './passkey';

test('bytes there and back, without padding and with the alphabet of URLs', () => {
  for (let n = 0; n < 40; n++) {
    const bytes = Uint8Array.from({ length: n }, (_, i) => (i * 83 + 251) & 255);
    const text = toBase64(bytes.buffer);
    expect(text).toMatch(/^[\w-]*$/);
    expect([...fromBase64(text)]).toEqual([...bytes]);
    expect(text).toBe(Buffer.from(bytes).toString('base64url'));
  }
});
