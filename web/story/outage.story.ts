import { once } from 'node:events';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { playing, Shop } from './shop';

let shop: Shop;

beforeAll(async () => void (shop = await Shop.open({ broadcast: false })));
afterAll(() => shop?.close());

test('a show that begins, loses its encoder and gets it back never needs a reload', async () => {
  const { page } = await shop.visitor(390, 844);
  await page.goto(shop.ready.watch);
  await page.getByText('Not live right now').waitFor();
  expect(await page.getByRole('button', { name: /^Shelf, 6 products/ }).isEnabled()).toBe(true);

  const first = shop.push();
  await playing(page);

  first.kill('SIGKILL');
  await once(first, 'exit');
  const lost = Date.now();
  await page.getByText('The host is reconnecting.').waitFor();
  expect(Date.now() - lost).toBeLessThan(2_000);

  shop.push();
  await page.getByText('The host is reconnecting.').waitFor({ state: 'detached' });
  const frozen = await page.evaluate(() => document.querySelector('video')!.currentTime);
  await page.waitForFunction((was) => Math.abs(document.querySelector('video')!.currentTime - was) > 0.3, frozen);
});
