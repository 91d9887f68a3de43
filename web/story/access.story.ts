import { afterAll, beforeAll, expect, test } from 'vitest';
import { faults } from './axe';
import { playing, Shop } from './shop';

let shop: Shop;

beforeAll(async () => void (shop = await Shop.open()));
afterAll(() => shop?.close());

test.each([
  [390, 844],
  [1440, 900],
])('no page has a fault at %i x %i, and the sheet opens and closes by keyboard', async (width, height) => {
  const [sencha] = await shop.products();
  await shop.call('PUT', '/channels/tea/pin', { product: sencha!.id, offer: { price: { amount: 1000, currency: 'USD' }, seconds: 300 } });
  const { page } = await shop.visitor(width, height, { bypassCSP: true, reducedMotion: 'reduce' }); // axe comes from outside
  await page.goto(shop.ready.http);
  await page.getByText('Tea House').first().waitFor();
  expect(await faults(page)).toEqual([]);

  await page.goto(shop.ready.watch);
  await playing(page);
  await page.locator('.card').waitFor();
  expect(await faults(page)).toEqual([]);

  await page.getByRole('button', { name: /^Buy Spring sencha/ }).last().focus();
  await page.keyboard.press('Enter');
  await page.getByLabel('Full name').waitFor();
  expect(await faults(page)).toEqual([]);
  await page.keyboard.press('Escape');
  await page.locator('dialog[open]').waitFor({ state: 'detached' });

  for (const path of ['/orders/none', '/nowhere', '/studio']) {
    await page.goto(shop.ready.http + path);
    await page.getByRole('heading').first().waitFor();
    expect(await faults(page), path).toEqual([]);
  }
});
