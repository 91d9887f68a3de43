import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { chooseCard, fillDetails, Shop } from './shop';

// A channel inside the page of another site, which may listen and may not press buttons.

let shop: Shop;
let site: Server;
let at: string;

beforeAll(async () => {
  shop = await Shop.open();
  // "localhost" is another site than "127.0.0.1", where the shop is.
  site = createServer((request, answer) => {
    answer.setHeader('Content-Type', 'text/html');
    answer.end(`<!doctype html><title>A magazine</title>
      <script>window.heard = []; for (const type of ['souk-ready', 'souk-live', 'souk-pin', 'souk-order', 'souk-ended'])
        addEventListener(type, (e) => heard.push([type, e.detail]));</script>
      <script type="module" src="${shop.ready.http}/embed.js"></script>
      <h1 tabindex="-1">Tea of the week</h1><input id="search">
      <souk-live channel="tea" lang="${request.url!.includes('id') ? 'id' : 'en'}" style="inline-size:390px;block-size:760px"></souk-live>`);
  }).listen(0);
  at = `http://localhost:${(site.address() as AddressInfo).port}`;
});
afterAll(async () => {
  site?.close();
  await shop?.close();
});

test('watch, buy and follow the order from a frame', async () => {
  const { page, complaints } = await shop.visitor(800, 900, { hasTouch: false });
  await page.goto(at);
  await page.locator('#search').focus();
  const frame = page.frameLocator('iframe');
  await frame.getByRole('button', { name: /^Buy Spring sencha/ }).waitFor({ timeout: 20_000 });
  expect(await page.evaluate(() => document.activeElement?.id)).toBe('search');
  const heard = () => page.evaluate(() => (window as unknown as { heard: [string, any][] }).heard);
  await page.waitForFunction(() => new Set((window as any).heard.map((h: [string]) => h[0])).size >= 3);
  expect((await heard())[0]).toEqual(['souk-ready', { channel: 'tea' }]);
  expect((await heard()).find(([type, detail]) => type === 'souk-pin' && detail)?.[1].title).toBe('Spring sencha, 100 g');

  await frame.getByRole('button', { name: /^Buy Spring sencha/ }).click();
  const inside = page.frames()[1]!;
  await fillDetails(inside);
  await chooseCard(inside, 'Visa');
  await frame.getByRole('button', { name: 'Pay $14.50', exact: true }).click();
  await frame.getByText(/^Order \w+ is paid\.$/).waitFor();
  await page.waitForFunction(() => (window as any).heard.some((h: [string]) => h[0] === 'souk-order'));
  // The session is the frame's own: nothing of it is a cookie.
  expect((await page.context().cookies()).filter((c) => c.name.startsWith('souk'))).toEqual([]);

  const [order] = await Promise.all([page.context().waitForEvent('page'), frame.getByRole('link', { name: /Track order/ }).click()]);
  await order.getByRole('heading', { name: /^Order / }).waitFor();
  expect(order.url()).not.toContain('token');
  expect(complaints).toEqual([]);
  await page.context().close();
});

test('a signed-in host is nobody in a frame', async () => {
  const { page } = await shop.visitor(800, 900, { hasTouch: false });
  await page.goto(shop.ready.studio);
  await page.getByLabel('Email').fill(shop.ready.host.email);
  await page.getByLabel('Password').fill(shop.ready.host.password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('heading', { name: 'Run of show' }).waitFor();
  await page.goto(`${shop.ready.http}/embed/tea`);
  await page.getByRole('button', { name: /^Buy Spring sencha/ }).waitFor();
  expect(await page.evaluate(() => fetch('/api/v1/me', { credentials: 'omit' }).then((r) => r.status))).toBe(401);
  const asked: string[] = [];
  page.on('request', (r) => r.url().includes('/api/') && asked.push(r.headers().cookie ?? ''));
  await page.reload();
  await page.getByRole('button', { name: /^Buy Spring sencha/ }).waitFor();
  expect(asked.filter((cookie) => cookie.includes('souk_session'))).toEqual([]);
  await page.context().close();
});

test('a link to the channel has a card, and says where a machine learns more', async () => {
  const { page } = await shop.visitor(390, 844);
  await page.goto(shop.ready.watch);
  const meta = (name: string) => page.locator(`meta[property="${name}"], meta[name="${name}"]`).getAttribute('content');
  expect(await meta('og:title')).toBe('Tea House');
  expect(await meta('og:url')).toBe(shop.ready.watch);
  expect(await meta('og:description')).toContain('On air: Spring sencha');
  // The picture is the stream's own, in its own size.
  await expect.poll(async () => (await page.reload(), page.locator('meta[property="og:image"]').count()), { timeout: 20_000 }).toBe(1);
  expect((await fetch((await meta('og:image'))!)).headers.get('content-type')).toBe('image/jpeg');
  const told = await page.locator('link[type="application/json+oembed"]').getAttribute('href');
  const answer = await (await fetch(told!)).json();
  expect(answer.html).toContain(`${shop.ready.http}/embed/tea`);
  expect(answer.thumbnail_width / answer.thumbnail_height).toBeCloseTo(16 / 9, 1);
  await page.context().close();
});

test('the frame speaks the language it was given', async () => {
  const { page } = await shop.visitor(800, 900);
  await page.goto(`${at}/id`);
  await page.frameLocator('iframe').getByRole('button', { name: /^Beli Spring sencha/ }).waitFor({ timeout: 20_000 });
  await page.context().close();
});
