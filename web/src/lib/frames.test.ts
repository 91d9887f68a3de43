import { expect, test } from 'vitest';
import { FrameParser } from './frames';

function frame(header: object, body: number[] = []): Uint8Array<ArrayBuffer> {
  const text = new TextEncoder().encode(JSON.stringify(header));
  const bytes = new Uint8Array(8 + text.length + body.length);
  new DataView(bytes.buffer).setUint32(0, text.length);
  new DataView(bytes.buffer).setUint32(4, body.length);
  bytes.set(text, 8);
  bytes.set(body, 8 + text.length);
  return bytes;
}

const all = [frame({ type: 'init', mime: 'video/mp4' }, [1, 2, 3]), frame({ type: 'wait', encoder: false }), frame({ type: 'part', date: 'é' }, [4]), frame({ type: 'end' })];
const bytes = new Uint8Array(all.flatMap((one) => [...one]));
const read = [
  ['init', [1, 2, 3]],
  ['wait', []],
  ['part', [4]],
  ['end', []],
];

test.each([1, 2, 3, 7, 8, 9, 50, 1000])('frames come out whole from pieces of %i bytes', (size) => {
  const parser = new FrameParser();
  const out = [];
  for (let at = 0; at < bytes.length; at += size) out.push(...parser.push(bytes.slice(at, at + size)));
  expect(out.map((f) => [f.header.type, [...f.body]])).toEqual(read);
});

test('half a frame is nothing yet', () => {
  const parser = new FrameParser();
  expect(parser.push(all[0]!.slice(0, -1))).toEqual([]);
  expect(parser.push(all[0]!.slice(-1)).map((f) => [...f.body])).toEqual([[1, 2, 3]]);
});

test('what is no push is refused before it is held', () => {
  expect(() => new FrameParser().push(new TextEncoder().encode('<!doctype html>'))).toThrow();
});
