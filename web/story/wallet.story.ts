import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { faults } from './axe';
import { chooseCard, fillDetails, Shop } from './shop';

const pictures = process.env.PICTURES; // a folder for screenshots, to look at

let shop: Shop;

beforeAll(async () => void (shop = await Shop.open({ broadcast: false })));
afterAll(() => shop?.close());

const picture = (page: Page, name: string) => (pictures ? page.screenshot({ path: `${pictures}/wallet-${name}.png`, fullPage: true }) : undefined);

test.each([
  [390, 844],
  [1440, 900],
])('a guest buys, finds the order, moves, takes the data away and is forgotten, at %i x %i', async (width, height) => {
  const { page, complaints } = await shop.visitor(width, height, { bypassCSP: true, reducedMotion: 'reduce' }); // axe comes from outside
  await page.goto(`${shop.ready.http}/wallet`);
  await page.getByText('Nothing here yet').waitFor();
  expect(await faults(page)).toEqual([]);

  await page.goto(shop.ready.watch);
  if (width < 1100) await page.getByRole('button', { name: /^Shelf/ }).click();
  await page.getByRole('button', { name: /^Buy Spring sencha/ }).last().click();
  await fillDetails(page);
  await chooseCard(page, 'Visa');
  await page.getByRole('button', { name: 'Pay $14.50', exact: true }).click();
  await page.getByText(/^Order \w+ is paid\.$/).waitFor();

  await page.goto(`${shop.ready.http}/wallet`);
  const order = page.getByRole('region', { name: 'Orders' }).getByRole('link', { name: /Spring sencha, 100 g × 1/ });
  await order.waitFor();
  expect(await order.innerText()).toContain('$14.50');
  await page.getByText('Visa •••• 4242').waitFor();
  expect(await faults(page)).toEqual([]);
  await picture(page, `${width}`);

  await page.getByRole('button', { name: 'Change the address' }).click();
  await page.getByLabel('City', { exact: true }).fill('Porto');
  expect(await faults(page)).toEqual([]);
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByText('Porto').waitFor();

  const kept = await page.evaluate(async (path) => (await fetch(path)).json(), (await page.getByRole('link', { name: 'Download my data' }).getAttribute('href'))!);
  expect(kept.shop.orders).toHaveLength(1);
  expect(kept.account.address.city).toBe('Porto');

  await page.goto(`${shop.ready.http}/wallet?lang=ar`);
  await page.getByText('Spring sencha, 100 g × 1').waitFor();
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
  expect(await faults(page)).toEqual([]);
  await picture(page, `ar-${width}`);

  // Erasing takes two steps, and the one under Enter is the one that keeps.
  await page.goto(`${shop.ready.http}/wallet?lang=en`);
  await page.getByRole('button', { name: 'Erase me' }).click();
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: 'Erase me' }).click();
  expect(await faults(page)).toEqual([]);
  await page.getByRole('button', { name: 'Yes, erase me for good' }).click();
  await page.getByText('You are forgotten.').waitFor();
  await page.reload();
  await page.getByText('Nothing here yet').waitFor();
  expect(complaints).toEqual([]);
});
