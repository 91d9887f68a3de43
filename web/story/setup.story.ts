import { afterAll, beforeAll, expect, test } from 'vitest';
import { faults } from './axe';
import { Shop } from './shop';

let shop: Shop;

beforeAll(async () => void (shop = await Shop.open({ empty: true })));
afterAll(() => shop?.close());

test('an empty server gets its owner by the link of its start, and nobody else', async () => {
  const { page, complaints } = await shop.visitor(390, 844, { bypassCSP: true });
  await page.goto(shop.ready.http + '/studio');
  await page.getByText('Nobody owns this server yet').waitFor();
  await page.goto(shop.ready.setup!.replace(/#.*/, '#guess'));
  await page.getByText('This link has ended').waitFor();
  complaints.length = 0; // the guess

  await page.goto(shop.ready.http);
  await page.goto(shop.ready.setup!);
  await page.getByRole('heading', { name: 'Set up your shop' }).waitFor();
  expect(await faults(page)).toEqual([]);
  await page.getByLabel('Email').fill('hana@example.com');
  await page.getByLabel('Password').fill('correct horse');
  await page.getByLabel('Your name').fill('Hana');
  await page.getByLabel('Name of your channel').fill('Tea & Cups');
  expect(await page.getByLabel('Its address').inputValue()).toBe('tea-cups');
  await page.getByRole('button', { name: 'Open the studio' }).click();
  await page.getByRole('heading', { name: 'Tea & Cups' }).waitFor();
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(390);
  expect(complaints).toEqual([]);
});
