import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { age, ageWhen, ClockEncoder } from './clock';
import { chooseCard, fillDetails, playing, Shop } from './shop';

// The whole thing once, as people do it: ffmpeg on air, a viewer, a host who pins, one tap, the order in the studio.

let shop: Shop;
let encoder: ClockEncoder;

beforeAll(async () => {
  shop = await Shop.open({ broadcast: false });
  encoder = new ClockEncoder(`${shop.ready.rtmp}/${shop.ready.stream_key}`);
});
afterAll(async () => {
  await encoder?.kill();
  await shop?.close();
});

const pinTolerance = 1_000; // ms between the moment in the picture and the card on it
const onAirWithin = 15_000;

test('from an encoder to an order in the studio', async () => {
  const viewer = await shop.visitor(390, 844);
  const late = await shop.visitor(390, 844);
  const studio = await shop.visitor(1440, 900);

  const started = Date.now();
  await viewer.page.goto(shop.ready.watch);
  await playing(viewer.page);
  expect(Date.now() - started).toBeLessThan(onAirWithin);

  // Somebody whose picture is seven seconds further behind.
  await late.page.goto(shop.ready.watch);
  await playing(late.page);
  await late.page.evaluate(() => document.querySelector('video')!.pause());
  await pause(7_000);
  await late.page.evaluate(() => document.querySelector('video')!.play());

  await studio.page.goto(shop.ready.studio);
  await studio.page.getByLabel('Email').fill(shop.ready.host.email);
  await studio.page.getByLabel('Password').fill(shop.ready.host.password);
  await studio.page.getByRole('button', { name: 'Sign in' }).click();
  await studio.page.getByText('The stream looks good.').waitFor({ timeout: 20_000 });

  const seen = Promise.all([viewer, late].map((v) => ageWhen(v.page, '.card', 'Moss-green teapot')));
  const [answer] = await Promise.all([
    studio.page.waitForResponse((r) => r.url().endsWith('/pin') && r.request().method() === 'PUT'),
    studio.page.getByRole('button', { name: 'Pin Moss-green teapot' }).click(),
  ]);
  const moment = Date.parse((await answer.json()).media_at);
  const [near, far] = await seen;
  const off = (v: { age: number | null; now: number }) => v.now - v.age! - moment;
  console.log(`picture ${near!.age} and ${far!.age} ms old; card off by ${off(near!)} and ${off(far!)} ms`);
  expect(far!.age! - near!.age!).toBeGreaterThan(4_000);
  expect(Math.abs(off(near!))).toBeLessThan(pinTolerance);
  expect(Math.abs(off(far!))).toBeLessThan(pinTolerance);

  const { page } = viewer;
  await page.getByRole('button', { name: /^Buy Moss-green teapot/ }).click();
  await fillDetails(page);
  await chooseCard(page, 'Visa');
  await page.getByRole('button', { name: 'Pay $58.00', exact: true }).click();
  await page.getByText(/^Order \w+ is paid\.$/).waitFor();

  await studio.page.getByText('Mira Sol').first().waitFor();
  await studio.page.getByText('4 in stock · 0 held · 1 sold').waitFor();
  expect(await age(page)).toBeLessThan(10_000); // the picture went on all the while
  expect(viewer.complaints).toEqual([]);
});
