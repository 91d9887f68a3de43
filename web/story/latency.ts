import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Page } from 'playwright-core';
import { age, ClockEncoder, encoded } from './clock';
import { playing, Shop } from './shop';

/*
 * How old the picture is, from the moment it was drawn to the moment it is on the page, for a push and for LL-HLS beside
 * it. Run by `make latency`, on a machine that does nothing else.
 */
const samples = 150;
const every = 100; // ms
const settle = 6_000; // ms
const goals = { push: { p95: 600 }, hls: { p95: 900 }, firstFrame: 300 };

let shop: Shop;
let encoder: ClockEncoder;

beforeAll(async () => {
  shop = await Shop.open({ broadcast: false });
  encoder = new ClockEncoder(`${shop.ready.rtmp}/${shop.ready.stream_key}`, process.env.X264 === 'obs' ? encoded.likeOBS : encoded.zerolatency);
});
afterAll(async () => {
  await encoder?.kill();
  await shop?.close();
});

const at = (sorted: number[], q: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))]!;

async function ages(page: Page): Promise<{ p50: number; p95: number; worst: number; speed: number; stalls: number }> {
  const all: number[] = [];
  let speed = 0;
  await page.evaluate(() => {
    const video = document.querySelector('video')!;
    video.dataset.stalls = '0';
    video.addEventListener('waiting', () => (video.dataset.stalls = `${Number(video.dataset.stalls) + 1}`));
  });
  for (let i = 0; i < samples; i++) {
    const one = await age(page);
    if (one !== null) all.push(one);
    speed += await page.evaluate(() => document.querySelector('video')!.playbackRate);
    await page.waitForTimeout(every);
  }
  all.sort((a, b) => a - b);
  const stalls = await page.evaluate(() => Number(document.querySelector('video')!.dataset.stalls));
  return { p50: at(all, 0.5), p95: at(all, 0.95), worst: all[all.length - 1]!, speed: Math.round((speed / samples) * 1000) / 1000, stalls };
}

/** Milliseconds from the start of the player to the first frame of it. */
function firstFrame(page: Page): Promise<number> {
  return page.evaluate(
    () =>
      new Promise<number>((resolve) => {
        const watch = new MutationObserver(() => {
          const video = document.querySelector('video');
          if (!video?.dataset.transport) return;
          watch.disconnect();
          const start = performance.now();
          video.requestVideoFrameCallback(() => resolve(performance.now() - start));
        });
        watch.observe(document, { subtree: true, childList: true, attributes: true });
      }),
  );
}

test('glass to glass', async () => {
  const first = await shop.visitor(390, 844);
  await first.page.goto(shop.ready.watch);
  await playing(first.page); // the show is on
  await first.page.close();

  const report: Record<string, unknown> = {};
  for (const transport of ['push', 'hls'] as const) {
    const { page } = await shop.visitor(390, 844);
    if (transport === 'hls') await page.route('**/push', (route) => route.fulfill({ status: 404 }));
    await page.goto(shop.ready.watch, { waitUntil: 'commit' });
    const frame = transport === 'push' ? await firstFrame(page) : null;
    await playing(page);
    expect(await page.evaluate(() => document.querySelector('video')!.dataset.transport)).toBe(transport);
    await page.waitForTimeout(settle);
    report[transport] = { ...(await ages(page)), first_frame: frame && Math.round(frame) };
    await page.close();
  }
  console.log(JSON.stringify(report), 'goals', JSON.stringify(goals));
}, 120_000);
