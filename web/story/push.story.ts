import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { age, ClockEncoder } from './clock';
import { playing, Shop } from './shop';

// The picture comes by push, survives what happens to encoders and networks, and by LL-HLS where a push does not work.

let shop: Shop;
let encoder: ClockEncoder;

beforeAll(async () => {
  shop = await Shop.open({ broadcast: false });
  encoder = air();
});
afterAll(async () => {
  await encoder?.kill();
  await shop?.close();
});

const freshEnough = 3_000; // ms; what it is on a quiet machine is measured by latency.ts
const dropped = 4_000;

const air = (more?: string) => new ClockEncoder(`${shop.ready.rtmp}/${shop.ready.stream_key}`, undefined, more);
const transport = (page: Page) => page.evaluate(() => document.querySelector('video')!.dataset.transport);
const position = (page: Page) => page.evaluate(() => document.querySelector('video')!.currentTime);

async function moves(page: Page): Promise<void> {
  const at = await position(page);
  await page.waitForFunction((was) => document.querySelector('video')!.currentTime > was + 0.5, at, { timeout: 20_000 });
}

test('a push is what a page plays, and it is recent', async () => {
  const { page, complaints } = await shop.visitor(390, 844);
  await page.goto(shop.ready.watch);
  await playing(page);
  await page.waitForTimeout(2_000);
  expect(await transport(page)).toBe('push');
  expect(await age(page)).toBeLessThan(freshEnough);
  expect(complaints).toEqual([]);
});

test('an encoder that drops and comes back with another picture is followed without a new connection', async () => {
  const { page, complaints } = await shop.visitor(1440, 900);
  let connections = 0;
  page.on('request', (request) => void (connections += Number(request.url().endsWith('/push'))));
  await page.goto(shop.ready.watch);
  await playing(page);

  await encoder.kill();
  await page.getByText('The host is reconnecting.').waitFor();
  await page.waitForTimeout(dropped);
  encoder = air('-profile:v main -level:v 4.0');
  await page.getByText('The host is reconnecting.').waitFor({ state: 'detached' });
  await moves(page);
  await page.waitForTimeout(2_000);
  expect(await age(page)).toBeLessThan(freshEnough);
  expect(await transport(page)).toBe('push');
  expect(connections).toBe(1);
  expect(complaints).toEqual([]);
});

test('a connection that is cut is made anew, and the picture goes on', async () => {
  const { page } = await shop.visitor(390, 844);
  await page.goto(shop.ready.watch);
  await playing(page);
  await page.context().setOffline(true);
  await page.waitForTimeout(1_000);
  await page.context().setOffline(false);
  await moves(page);
});

test('where a push is refused, LL-HLS plays', async () => {
  const { page } = await shop.visitor(390, 844);
  await page.route('**/push', (route) => route.fulfill({ status: 505 }));
  await page.goto(shop.ready.watch);
  await playing(page);
  expect(await transport(page)).toBe('hls');
  await moves(page);
});

test('a browser without media sources that can be fed gets what it can play', async () => {
  const { page } = await shop.visitor(390, 844);
  await page.addInitScript(() => {
    const real = MediaSource.isTypeSupported;
    let asked = 0; // the push asks first
    MediaSource.isTypeSupported = (type) => asked++ > 0 && real(type);
  });
  await page.goto(shop.ready.watch);
  await playing(page);
  expect(await transport(page)).toBe('hls');
});
