import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { faults } from './axe';
import { Shop, signIn } from './shop';

let shop: Shop;

beforeAll(async () => void (shop = await Shop.open()));
afterAll(() => shop?.close());

const onAir = async () => (await shop.call('GET', '/channels/tea')).pin?.product.title ?? '';

async function keep(page: Page, name: string): Promise<void> {
  if (process.env.SHOTS) await page.screenshot({ path: join(process.env.SHOTS, `${name}.png`) });
}

test.each([320, 360])('the console in a dock %i wide: keys, undo, order, and another host', async (width) => {
  await shop.call('DELETE', '/channels/tea/pin');
  const { page, complaints } = await shop.visitor(width, 600, { bypassCSP: true, reducedMotion: 'reduce' });
  await page.goto(`${shop.ready.http}/dock/tea`);
  await signIn(page, shop.ready.host);
  const rows = page.locator('[data-product]');
  await rows.nth(2).waitFor();
  const title = async (i: number) => (await rows.nth(i).locator('.title').innerText()).trim();
  const [first, second] = [await title(0), await title(1)];

  // A digit pins what stands there, from any tab but not from a field.
  await page.keyboard.press('2');
  await page.getByText(`On air: ${second}`).waitFor();
  expect(await onAir()).toBe(second);
  await keep(page, `dock-${width}`);
  await page.getByRole('navigation').getByRole('button', { name: 'Chat' }).click();
  await page.getByPlaceholder(/^Say as/).press('1');
  expect(await onAir()).toBe(second);
  await page.getByRole('navigation').getByRole('button', { name: 'Chat' }).press('1');
  await page.getByText(`On air: ${first}`).waitFor();
  await keep(page, `dock-chat-${width}`);

  // What was before comes back; then 0 takes it off.
  await page.getByRole('button', { name: 'Undo' }).click();
  await expect.poll(onAir).toBe(second);
  await page.getByRole('navigation').getByRole('button', { name: 'Run of show' }).click();
  await page.getByRole('button', { name: `Unpin ${second}` }).waitFor();
  await page.keyboard.press('0');
  await page.getByText(`Off air: ${second}`).waitFor();
  expect(await onAir()).toBe('');

  // Another host's card is told as such, and nothing here offers to undo it.
  const products = await shop.products();
  await shop.call('PUT', '/channels/tea/pin', { product: products.find((p) => p.title === first)!.id });
  await page.getByText(`Put on air elsewhere: ${first}`).waitFor();
  expect(await page.getByRole('button', { name: 'Undo' }).count()).toBe(0);

  // Alt and an arrow move a row, and the focus stays on it; buttons do the same.
  await page.getByRole('button', { name: `Edit ${second}` }).focus();
  await page.keyboard.press('Alt+ArrowUp');
  await expect.poll(() => title(0)).toBe(second);
  const lineup = async () => (await shop.call('GET', '/channels/tea/lineup')).products[0];
  await expect.poll(lineup).toBe(products.find((p) => p.title === second)!.id);
  expect(await page.evaluate(() => document.activeElement?.getAttribute('aria-label'))).toBe(`Edit ${second}`);
  await page.getByRole('button', { name: /^Change the order/ }).click();
  await page.getByRole('button', { name: `Move ${second} down` }).click();
  await expect.poll(() => title(0)).toBe(first);
  await expect.poll(lineup).toBe(products.find((p) => p.title === first)!.id);

  // The keys can be switched off, and stay so.
  await page.getByRole('button', { name: /^Keys 1 to 9/ }).click();
  await page.keyboard.press('3');
  await page.reload();
  await rows.nth(2).waitFor();
  await page.keyboard.press('3');
  expect(await onAir()).toBe(first);
  await page.getByRole('button', { name: /^Keys 1 to 9/ }).click();

  await shop.buy(products[1]!.id, products[1]!.price.currency, products[1]!.price.amount);
  for (const tab of ['On air', 'Orders', 'Chat', 'Run of show']) {
    await page.getByRole('navigation').getByRole('button', { name: tab }).click();
    if (tab === 'Orders') await page.getByText('Ana Reis').first().waitFor();
    expect(await faults(page), tab).toEqual([]);
    expect(await page.locator('a[target], a[download]').count(), tab).toBe(0); // a dock can open no window
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(width);
  }
  expect(complaints).toEqual([]);
});

test('a token in the fragment is a session, leaves the address, and no other channel is there', async () => {
  const { token } = await shop.call<{ token: string }>('POST', '/login', shop.ready.host);
  const { page } = await shop.visitor(360, 600);
  await page.goto(`${shop.ready.http}/dock/tea?lang=ar#token=${token}`);
  await page.locator('[data-product]').first().waitFor();
  expect(page.url()).toBe(`${shop.ready.http}/dock/tea?lang=ar`);
  expect(await page.context().cookies()).not.toContainEqual(expect.objectContaining({ name: 'souk_session' }));
  await page.keyboard.press('1');
  await page.getByText(/^على الهواء: /).waitFor();
  await keep(page, 'dock-ar');
  expect((await page.goto(`${shop.ready.http}/dock/nowhere`))!.status()).toBe(404);
});
