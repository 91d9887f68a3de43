import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { Page } from 'playwright-core';

/*
 * A picture that shows the time at which it was made: the low bits of the wall clock in milliseconds, as black and white
 * blocks along the top, with a block of parity. ffmpeg encodes it like any camera; a page can read it back.
 */
const width = 640;
const height = 360;
const fps = 25;
const block = 20; // pixels; large enough to survive the encoder
const bits = 24; // 4.6 hours before it repeats
const wrap = 2 ** bits;

const luma = width * height;

/** One frame, yuv420p: a grey field with the code in its first row of blocks. */
function draw(ms: number): Buffer {
  const frame = Buffer.alloc(luma * 1.5, 128);
  const code = ms % wrap;
  let parity = 0;
  for (let i = 0; i <= bits; i++) {
    const on = i < bits ? (code >> i) & 1 : parity;
    if (i < bits) parity ^= on;
    for (let y = 0; y < block; y++) frame.fill(on ? 235 : 16, y * width + i * block, y * width + (i + 1) * block);
  }
  return frame;
}

/** How the picture is encoded: as by an encoder that is told to be quick, and as OBS does unless told otherwise. */
export const encoded = {
  zerolatency: `-preset ultrafast -tune zerolatency -g ${fps}`,
  likeOBS: `-preset veryfast -bf 2 -g ${2 * fps}`,
};

/** An ffmpeg on air that shows the time, with sound, until it is killed. */
export class ClockEncoder {
  private readonly child: ChildProcess;
  private readonly timer: ReturnType<typeof setInterval>;

  constructor(url: string, how = encoded.zerolatency, more = '') {
    const video = `-f rawvideo -pix_fmt yuv420p -s ${width}x${height} -r ${fps} -i pipe:0`.split(' ');
    const sound = '-f lavfi -i sine=frequency=330:sample_rate=48000'.split(' ');
    const codec = `-c:v libx264 ${how} ${more} -b:v 600k -c:a aac -b:a 64k -shortest -f flv`
      .split(' ')
      .filter(Boolean);
    this.child = spawn('ffmpeg', ['-v', 'error', ...video, ...sound, ...codec, url], { stdio: ['pipe', 'ignore', 'inherit'] });
    this.child.stdin!.on('error', () => undefined); // it was killed while we wrote
    const start = Date.now();
    let drawn = 0;
    this.timer = setInterval(() => {
      for (; drawn < ((Date.now() - start) * fps) / 1000; drawn++) this.child.stdin!.write(draw(Date.now()));
    }, 1000 / fps / 2);
  }

  async kill(): Promise<void> {
    clearInterval(this.timer);
    if (this.child.exitCode !== null) return;
    this.child.kill('SIGKILL');
    await once(this.child, 'exit');
  }
}

/** Milliseconds since the picture now on the page was made, or null while there is none that can be read. */
export function age(page: Page): Promise<number | null> {
  return page.evaluate(readClock, [width, block, bits, wrap] as const);
}

/** Resolves when `text` is inside `selector`, with the age of the picture at that very moment in the page. */
export function ageWhen(page: Page, selector: string, text: string): Promise<{ age: number | null; now: number }> {
  return page.evaluate(
    async ([selector, text, read, args]) => {
      const readClock = (0, eval)(`(${read})`) as (a: unknown) => number | null;
      while (!document.querySelector(selector)?.textContent?.includes(text)) await new Promise((r) => requestAnimationFrame(r));
      return { age: readClock(args), now: Date.now() };
    },
    [selector, text, readClock.toString(), [width, block, bits, wrap]] as const,
  );
}

/** Runs in the page. */
function readClock([width, block, bits, wrap]: readonly [number, number, number, number]): number | null {
  const video = document.querySelector('video');
  if (!video?.videoWidth) return null;
  const canvas = new OffscreenCanvas(width, block);
  const g = canvas.getContext('2d')!;
  g.drawImage(video, 0, 0, width, block, 0, 0, width, block);
  const row = g.getImageData(0, block / 2, width, 1).data;
  let code = 0;
  let parity = 0;
  for (let i = 0; i < bits; i++) {
    if (row[(i * block + block / 2) * 4]! < 128) continue;
    code += 2 ** i;
    parity ^= 1;
  }
  if (row[(bits * block + block / 2) * 4]! >= 128 !== (parity === 1)) return null;
  return (((Date.now() % wrap) - code) % wrap + wrap) % wrap;
}
