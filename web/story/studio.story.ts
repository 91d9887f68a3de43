import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Shop } from './shop';

let shop: Shop;

beforeAll(async () => void (shop = await Shop.open()));
afterAll(() => shop?.close());

test.each([
  [390, 844],
  [1440, 900],
])('a host runs the show at %i x %i', async (width, height) => {
  const { page } = await shop.visitor(width, height);
  const tab = async (name: string) => {
    if (width < 1200) await page.getByRole('navigation').getByRole('button', { name }).click();
  };
  await page.goto(shop.ready.studio);
  await page.getByLabel('Email').fill(shop.ready.host.email);
  await page.getByLabel('Password').fill('not it');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('alert').waitFor();
  await page.getByLabel('Password').fill(shop.ready.host.password);
  await page.getByRole('button', { name: 'Sign in' }).click();

  // One click pins; a flash price goes with the next pin.
  await page.getByRole('button', { name: 'Pin Moss-green teapot' }).click();
  await page.getByRole('button', { name: 'Unpin Moss-green teapot' }).waitFor();
  await page.getByText('−%').click();
  await page.getByRole('button', { name: 'Pin Pair of cups' }).click();
  await page.getByRole('button', { name: 'Unpin Pair of cups' }).waitFor();
  expect(await shop.call('GET', '/channels/tea')).toMatchObject({ pin: { offer: { price: { amount: 2080 }, seconds: 60 } } });
  await page.getByRole('button', { name: 'Unpin Pair of cups' }).click();
  await page.getByRole('button', { name: 'Pin Pair of cups' }).waitFor();

  // A product is added with its picture, changed and deleted.
  const caddy = page.getByRole('listitem').filter({ hasText: 'Cherry bark caddy' });
  await page.getByRole('button', { name: 'Add product' }).click();
  await page.getByLabel('Title').fill('Cherry bark caddy');
  await page.locator('dialog').getByLabel('Price').fill('48.50');
  await page.getByLabel('In stock').fill('4');
  await page.getByLabel('Your article number').fill(`caddy-${width}`);
  await page.locator('input[type=file]').setInputFiles(join(import.meta.dirname, '..', 'demo', 'sencha-tin.webp'));
  await page.locator('dialog img').waitFor();
  await page.getByRole('button', { name: 'Save' }).click();
  await caddy.getByText('4 in stock').waitFor();
  await page.getByRole('button', { name: 'Edit Cherry bark caddy' }).click();
  await page.getByLabel('In stock').fill('9');
  await page.getByRole('button', { name: 'Save' }).click();
  await caddy.getByText('9 in stock').waitFor();
  await page.getByRole('button', { name: 'Edit Cherry bark caddy' }).click();
  await page.getByRole('button', { name: 'Delete' }).click();
  await page.getByRole('button', { name: 'Delete it' }).click();
  await caddy.waitFor({ state: 'detached' });

  // The key is hidden until asked for.
  await tab('On air');
  await page.getByText('The stream looks good.').waitFor();
  await page.getByText('For your encoder').click();
  const key = page.getByLabel('Stream key', { exact: true });
  expect(await key.getAttribute('type')).toBe('password');
  await page.getByRole('button', { name: 'Show', exact: true }).click();
  expect(await key.inputValue()).toBe(shop.ready.stream_key);

  await tab('Chat');
  await page.getByRole('button', { name: 'Announce' }).click();
  await page.getByLabel('Announce to the room').fill(`Back at ${width}`);
  await page.getByRole('button', { name: 'Announce' }).last().click();
  await page.getByRole('listitem').filter({ hasText: `Back at ${width}` }).waitFor();
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(width);
});
