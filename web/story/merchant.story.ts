import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { faults } from './axe';
import { Shop, signIn } from './shop';

let shop: Shop;

beforeAll(async () => void (shop = await Shop.open({ broadcast: false })));
afterAll(() => shop?.close());

const soon = 2_000; // ms until an order that was just paid is in the list

async function keep(page: Page, name: string): Promise<void> {
  if (process.env.SHOTS) await page.screenshot({ path: join(process.env.SHOTS, `${name}.png`) });
}

test.each([
  [390, 844],
  [1440, 900],
])('a merchant packs, ships and pays back at %i x %i', async (width, height) => {
  const [sencha, teapot] = await shop.products();
  const buy = (p = sencha!) => shop.buy(p.id, p.price.currency, p.price.amount);
  await buy();
  await buy(teapot);
  const { page, complaints } = await shop.visitor(width, height, { bypassCSP: true, reducedMotion: 'reduce' });
  await page.goto(`${shop.ready.http}/merchant`);
  await signIn(page, shop.ready.host);
  const orders = width < 800 ? page.getByRole('main').getByRole('listitem') : page.locator('tbody tr');
  await orders.nth(1).waitFor();
  const before = await orders.count();

  // A new one comes by itself.
  await buy();
  await orders.nth(before).waitFor({ timeout: soon });
  expect(await faults(page)).toEqual([]);
  await keep(page, `orders-${width}`);

  // Found by a name, without what an accent or a case makes of it; not found by another.
  await page.getByRole('searchbox').fill('ANA REIS');
  expect(await orders.count()).toBe(before + 1);
  await page.getByRole('searchbox').fill('nobody');
  await page.getByText('No order matches.').waitFor();
  await page.getByRole('searchbox').fill('');

  // Two are marked in one go, each with its result.
  for (const i of [0, 1]) await orders.nth(i).getByRole('checkbox').check();
  await page.getByLabel('Carrier').fill('CTT');
  await page.getByRole('button', { name: 'Mark 2 as shipped' }).click();
  await page.getByText('2 orders marked as shipped.').waitFor();
  expect(await page.getByText('Marked as shipped', { exact: true }).count()).toBe(2);
  await keep(page, `bulk-${width}`);

  // One gets its tracking number in the sheet, then part of its money back, then the rest.
  await page.getByRole('button', { name: /^Shipped/ }).click();
  await orders.first().getByRole('button').first().click();
  const sheet = page.getByRole('dialog');
  await sheet.getByText('Rua Nova 1').waitFor();
  await sheet.getByLabel('Tracking number').fill('RR123456785PT');
  await sheet.getByRole('button', { name: 'Save' }).click();
  await sheet.getByText('CTT RR123456785PT').waitFor();
  await sheet.getByLabel(/Give back/).fill('99999');
  await sheet.getByRole('button', { name: 'Refund part' }).click();
  await sheet.getByRole('alert').waitFor();
  await sheet.getByLabel(/Give back/).fill('2.50');
  await sheet.getByRole('button', { name: 'Refund part' }).click();
  await sheet.getByText('Give $2.50 back to the buyer?').waitFor();
  expect(await faults(page)).toEqual([]);
  await keep(page, `sheet-${width}`);
  await sheet.getByRole('button', { name: 'Refund $2.50' }).click();
  const rest = sheet.getByRole('button', { name: /^Refund all/ });
  await rest.waitFor();
  await rest.click();
  await sheet.getByRole('button', { name: 'Cancel' }).click(); // thought better of it
  await rest.click();
  await sheet.getByRole('button', { name: /^Refund \$/ }).click();
  await sheet.getByText('Refunded', { exact: true }).waitFor();
  await page.keyboard.press('Escape');
  await sheet.waitFor({ state: 'detached' });

  // What the page adds up is what the file it hands out adds up to.
  await page.getByRole('button', { name: /^All/ }).click();
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Download these as CSV' }).click()]);
  const [header, ...rows] = readFileSync(await download.path(), 'utf8').replace('\ufeff', '').trim().split('\r\n').map((line) => line.replace(/"[^"]*"/g, 'text').split(','));
  expect(rows.length).toBe(await orders.count());
  const sum = (name: string) => rows.reduce((all, row) => all + Number(row[header!.indexOf(name)]), 0);
  const shown = await page.getByTestId('sums').innerText();
  for (const name of ['total_minor', 'fee_minor', 'refunded_minor']) expect(shown, name).toContain(`$${(sum(name) / 100).toFixed(2)}`);
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(width);
  expect(complaints).toEqual([]);
});

test.each([
  [390, 844],
  [1440, 900],
])('a merchant keeps the shelf at %i x %i', async (width, height) => {
  const { page, complaints } = await shop.visitor(width, height, { bypassCSP: true, reducedMotion: 'reduce' });
  await page.goto(`${shop.ready.http}/merchant`);
  await signIn(page, shop.ready.host);
  await page.getByRole('button', { name: 'Products' }).click();
  const [sencha] = (await shop.call('GET', '/channels/tea/products')).products;
  const card = page.getByRole('listitem').filter({ hasText: 'Spring sencha' });
  await card.getByText(`${sencha.stock.available} in stock`).waitFor();
  expect(await faults(page)).toEqual([]);
  await keep(page, `products-${width}`);

  const price = width < 800 ? '13.75' : '13.25';
  await card.getByRole('spinbutton').fill('5');
  await card.getByRole('button', { name: 'Add' }).click();
  await card.getByText(`${sencha.stock.available + 5} in stock`).waitFor();
  await card.getByRole('button', { name: /Spring sencha/ }).click();
  await page.getByRole('dialog').getByLabel('Price').fill(price);
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  await card.getByText(price).waitFor();

  const give = (text: string) => page.locator('input[type=file]').setInputFiles({ name: 'shelf.csv', mimeType: 'text/csv', buffer: Buffer.from(text) });
  await give('sku,title,price_minor,currency,stock\nokay,Fine,100,USD,1\nbroken,Broken,free,USD,1\n');
  expect(await page.getByRole('alert').innerText()).toMatch(/^Row 3: .*Nothing was imported\.$/);
  await give(`sku,title,price_minor,currency,stock\nspoon-${width},Horn spoon,650,USD,12\n`);
  await page.getByText('Imported: 1 new, 0 changed.').waitFor();
  await page.getByRole('listitem').filter({ hasText: `spoon-${width}` }).waitFor();
  const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'Download products as CSV' }).click()]);
  expect(readFileSync(await file.path(), 'utf8')).toContain(`spoon-${width},Horn spoon`);
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(width);
  expect(complaints.filter((c) => !c.includes('422'))).toEqual([]); // the refused import
});

test('an order that waits for the bank can be called off, after a second thought', async () => {
  const [sencha] = await shop.products();
  await shop.buy(sencha!.id, sencha!.price.currency, sencha!.price.amount, 'pm_card_authenticationRequired');
  const { page, complaints } = await shop.visitor(390, 844);
  await page.goto(`${shop.ready.http}/merchant`);
  await signIn(page, shop.ready.host);
  await page.getByRole('button', { name: /^All/ }).click();
  await page.getByRole('main').getByRole('listitem').filter({ hasText: 'Waiting for the bank check' }).getByRole('button').click();
  const sheet = page.getByRole('dialog');
  await sheet.getByRole('button', { name: 'Cancel this order' }).click();
  await sheet.getByRole('button', { name: 'Keep it' }).click();
  await sheet.getByRole('button', { name: 'Cancel this order' }).click();
  await sheet.getByRole('button', { name: 'Yes, cancel it' }).click();
  await sheet.getByText('Cancelled', { exact: true }).waitFor();
  expect(complaints).toEqual([]);
});

test('the same in Arabic, from right to left', async () => {
  const { page } = await shop.visitor(390, 844, { bypassCSP: true, reducedMotion: 'reduce' });
  await page.goto(`${shop.ready.http}/merchant`);
  await signIn(page, shop.ready.host);
  await page.getByRole('button', { name: 'Sign out' }).waitFor();
  await page.goto(`${shop.ready.http}/merchant?lang=ar`);
  await page.getByRole('button', { name: /^الكل/ }).click();
  expect(await page.evaluate(() => document.dir)).toBe('rtl');
  await keep(page, 'orders-ar');
  await page.getByRole('main').getByRole('listitem').first().getByRole('button').first().click();
  await page.getByRole('dialog').getByText('Rua Nova 1').waitFor();
  expect(await faults(page)).toEqual([]);
  await keep(page, 'sheet-ar');
});
