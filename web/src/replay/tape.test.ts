import { expect, test } from 'vitest';
import { mediaOf, Tape } from './tape';

// Two stretches of the show: the encoder was away from 19:00:06 to 19:01:00.
const playlist = `#EXTM3U
#EXT-X-VERSION:7
#EXT-X-DATERANGE:ID="pin-1",CLASS="live.souk.pin",START-DATE="2026-11-20T19:00:03.000Z"
#EXT-X-MAP:URI="0.mp4",BYTERANGE="800@0"
#EXT-X-PROGRAM-DATE-TIME:2026-11-20T19:00:00.000Z
#EXTINF:4.000,
#EXT-X-BYTERANGE:1000@800
0.mp4
#EXT-X-PROGRAM-DATE-TIME:2026-11-20T19:00:04.000Z
#EXTINF:2.000,
0.mp4
#EXT-X-DISCONTINUITY
#EXT-X-PROGRAM-DATE-TIME:2026-11-20T19:01:00.000Z
#EXTINF:4.000,
1.mp4
#EXT-X-ENDLIST
`;
const tape = new Tape(playlist);
const at = (time: string) => Date.parse(`2026-11-20T${time}Z`);

test('a position is a moment, also behind a break', () => {
  expect(tape.duration).toBe(10);
  expect(tape.dateAt(0)).toBe(at('19:00:00.000'));
  expect(tape.dateAt(5)).toBe(at('19:00:05.000'));
  expect(tape.dateAt(7)).toBe(at('19:01:01.000'));
  expect(tape.dateAt(99)).toBe(at('19:01:04.000'));
});

test('a moment is a position, and what nobody recorded stands where the picture goes on', () => {
  expect(tape.positionOf(at('18:00:00.000'))).toBe(0);
  expect(tape.positionOf(at('19:00:03.000'))).toBe(3);
  expect(tape.positionOf(at('19:00:30.000'))).toBe(6);
  expect(tape.positionOf(at('19:01:02.500'))).toBe(8.5);
  expect(tape.positionOf(at('20:00:00.000'))).toBe(10);
});

test('there and back is where it began', () => {
  for (let position = 0; position < 10; position += 0.5) expect(tape.positionOf(tape.dateAt(position))).toBeCloseTo(position, 6);
});

test('a segment without a date follows the one before; a recording without any has none', () => {
  expect(new Tape('#EXT-X-PROGRAM-DATE-TIME:2026-11-20T19:00:00.000Z\n#EXTINF:4,\na\n#EXTINF:4,\nb\n').dateAt(6)).toBe(at('19:00:06.000'));
  const bare = new Tape('#EXTINF:4,\na\n');
  expect(bare.duration).toBe(4);
  expect(bare.dateAt(1)).toBeNaN();
  expect(bare.positionOf(at('19:00:00.000'))).toBe(0);
  expect(new Tape('').duration).toBe(0);
});

test('the media playlist is found beside the one that names it', () => {
  expect(mediaOf('#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nmedia.m3u8\n', 'http://souk.example/hls/replay/1/index.m3u8')).toBe('http://souk.example/hls/replay/1/media.m3u8');
  expect(mediaOf('#EXTM3U\n', 'http://souk.example/x')).toBeNull();
});
