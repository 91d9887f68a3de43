import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, test } from 'vitest';
import { chooseCard, fillDetails, playing, Shop } from './shop';

// Takes the pictures of the README from the real product: `make pictures`. Not a test.

const folder = join(import.meta.dirname, '..', '..', 'docs', 'pictures');
const talk = [
  ['Ana', 'that green is beautiful'],
  ['Joko', 'ready stock ga? 🍵'],
  ['فاطمة', 'هل يوجد لون أزرق؟'],
  ['Lee', 'how much does the pot hold?'],
] as const;
const answer = 'Six hundred millilitres, so four small cups';

let shop: Shop;

beforeAll(async () => {
  mkdirSync(folder, { recursive: true });
  shop = await Shop.open();
});
afterAll(() => shop?.close());

test('pictures', async () => {
  const [, teapot, cups] = await shop.products();
  const guests = await Promise.all(talk.map(() => shop.visitor(390, 844)));
  for (const [i, { page }] of guests.entries()) {
    await page.goto(shop.ready.watch);
    await playing(page);
    await page.getByLabel('Say something nice').fill(talk[i]![1]);
    await page.keyboard.press('Enter');
    await page.getByLabel(/Your name in chat/).fill(talk[i]![0]);
    await page.keyboard.press('Enter');
    await page.getByRole('listitem').filter({ hasText: talk[i]![1] }).waitFor();
  }
  await shop.call('PUT', '/channels/tea/pin', { product: cups!.id });
  const buyer = guests[0]!.page;
  await buyer.getByRole('button', { name: /^Buy Pair of cups/ }).click();
  await fillDetails(buyer);
  await chooseCard(buyer, 'Visa');
  await buyer.getByRole('button', { name: 'Pay $26.00', exact: true }).click();
  await buyer.getByText(/^Order \w+ is paid\.$/).waitFor();
  await buyer.getByRole('button', { name: 'Keep watching' }).click();

  const studio = await shop.visitor(1440, 900);
  await studio.page.goto(shop.ready.studio);
  await studio.page.getByLabel('Email').fill(shop.ready.host.email);
  await studio.page.getByLabel('Password').fill(shop.ready.host.password);
  await studio.page.getByRole('button', { name: 'Sign in' }).click();
  await studio.page.getByText('The stream looks good.').waitFor({ timeout: 20_000 });
  await studio.page.getByPlaceholder('Say as Hana').fill(answer);
  await studio.page.keyboard.press('Enter');
  await shop.call('PUT', '/channels/tea/pin', { product: teapot!.id, offer: { price: { amount: 4900, currency: 'USD' }, seconds: 600 } });

  const desk = await shop.visitor(1440, 900);
  await desk.page.goto(shop.ready.watch);
  await playing(desk.page);
  const phone = guests[3]!.page;
  for (const page of [desk.page, phone, studio.page]) await page.getByText('Moss-green teapot').first().waitFor();
  await phone.locator('.card').getByText('Ends in').waitFor();
  await pause(3_000); // until the players have caught up and nothing moves but the picture
  await desk.page.screenshot({ path: join(folder, 'live-desktop.png') });
  await phone.screenshot({ path: join(folder, 'live-phone.png') });
  await studio.page.screenshot({ path: join(folder, 'studio-desktop.png') });
  await buyer.locator('.card button.open').click();
  await buyer.getByRole('dialog').getByRole('button', { name: 'Pay $49.00', exact: true }).waitFor();
  await pause(500);
  await buyer.screenshot({ path: join(folder, 'checkout-phone.png') });
});
