import { afterAll, beforeAll, expect, test } from 'vitest';
import { chooseCard, fillDetails, playing, Shop } from './shop';

let shop: Shop;

beforeAll(async () => void (shop = await Shop.open()));
afterAll(() => shop?.close());

test('a phone watches, talks, buys once with the sheet and then with one tap, and a double tap is one order', async () => {
  const [sencha, , , , , spoon] = await shop.products();
  await shop.call('PUT', '/channels/tea/pin', { product: sencha!.id });
  const { page, complaints } = await shop.visitor(390, 844);
  await page.goto(shop.ready.watch);
  await playing(page);
  await expectFits(page);

  // Talks: the name is asked for when there is something to say, not before.
  await page.getByLabel('Say something nice').fill('hello from a phone');
  await page.keyboard.press('Enter');
  await page.getByLabel(/Your name in chat/).fill('Mira');
  await page.keyboard.press('Enter');
  await page.getByRole('listitem').filter({ hasText: 'hello from a phone' }).waitFor();

  // Buys: details and card once, then the button with the price on it, tapped twice.
  await page.getByRole('button', { name: /^Buy Spring sencha/ }).click();
  await fillDetails(page);
  await chooseCard(page, 'Visa');
  await page.getByRole('button', { name: 'Pay $14.50', exact: true }).dblclick();
  await page.getByText(/^Order \w+ is paid\.$/).waitFor();
  const receipt = await page.getByRole('link', { name: 'Track order' }).getAttribute('href');
  await page.getByRole('button', { name: 'Keep watching' }).click();
  expect(await shop.orders()).toMatchObject([{ state: 'paid', total: { amount: 1450 } }]);

  // Buys again: the card itself pays, after a moment in which it can be undone.
  await shop.call('PUT', '/channels/tea/pin', { product: spoon!.id, offer: { price: { amount: 700, currency: 'USD' }, seconds: 120 } });
  await page.getByText('Ends in').waitFor();
  await page.getByRole('button', { name: /^Pay \$7.00 now/ }).click();
  await page.getByRole('button', { name: 'Undo' }).click();
  await page.getByRole('button', { name: /^Pay \$7.00 now/ }).dblclick();
  await page.locator('.card').getByText('Yours!').waitFor();
  expect((await shop.orders()).map((o) => o.total.amount)).toEqual([700, 1450]);

  await page.goto(shop.ready.http + receipt);
  await page.getByText('Rua das Flores 8').waitFor();
  await page.getByText('Spring sencha, 100 g × 1').waitFor();
  expect(complaints).toEqual([]);
});

test('a card that is declined, a bank that asks, a price that rises and stock that runs out', async () => {
  const [, , , , sampler] = await shop.products();
  await shop.call('PUT', '/channels/tea/pin', { product: sampler!.id });
  const { page } = await shop.visitor(390, 844);
  await page.goto(shop.ready.watch);
  await page.getByRole('button', { name: /^Buy Sampler/ }).click();
  await fillDetails(page);
  await chooseCard(page, 'Visa, declined later');
  await page.locator('button.pay').click();
  await page.getByText('Your bank declined the card. Nothing was charged.').waitFor();

  await page.getByRole('button', { name: 'Choose another method' }).click();
  await chooseCard(page, "Visa, with the bank's question");
  await page.locator('button.pay').click();
  await page.frameLocator('iframe').getByRole('button', { name: 'Refuse' }).click();
  await page.getByText('The check was not completed. Nothing was charged.').waitFor();

  await shop.call('PATCH', `/products/${sampler!.id}`, { price: { amount: 2450, currency: 'USD' } });
  await page.getByText('The price has changed. Nothing was charged.').waitFor();
  await page.getByRole('button', { name: 'Pay $24.50 instead' }).click();
  await page.frameLocator('iframe').getByRole('button', { name: 'Approve' }).click();
  await page.getByText(/^Order \w+ is paid\.$/).waitFor();
  await page.getByRole('button', { name: 'Keep watching' }).click();

  await shop.call('PATCH', `/products/${sampler!.id}`, { stock: 3 });
  await page.locator('.card').getByText('3 left').waitFor();
  await shop.call('PATCH', `/products/${sampler!.id}`, { stock: 0 });
  await page.locator('.card').getByText('Sold out').waitFor();
});

test('offline is certain: nothing is sent, and nothing is queued', async () => {
  const [sencha] = await shop.products();
  await shop.call('PUT', '/channels/tea/pin', { product: sencha!.id });
  const { page } = await shop.visitor(390, 844);
  await page.goto(shop.ready.watch);
  await page.getByRole('button', { name: /^Buy Spring sencha/ }).click();
  await fillDetails(page);
  await chooseCard(page, 'Visa');
  await page.locator('button.pay').waitFor();
  const before = (await shop.orders()).length;
  await page.context().setOffline(true);
  await page.locator('button.pay').click();
  await page.getByText('You are offline. Nothing was charged.').waitFor();
  await page.context().setOffline(false);
  await page.locator('button.pay').click();
  await page.getByText(/^Order \w+ is paid\.$/).waitFor();
  expect(await shop.orders()).toHaveLength(before + 1);
});

async function expectFits(page: import('playwright-core').Page) {
  for (const [width, height] of [[390, 844], [360, 640], [360, 330], [844, 390], [320, 568]] as const) {
    await page.setViewportSize({ width, height });
    for (const part of [page.locator('video'), page.locator('.card'), page.getByLabel('Say something nice')]) {
      const box = (await part.boundingBox())!;
      expect(box.x >= 0 && box.y >= 0 && box.x + box.width <= width + 1 && box.y + box.height <= height + 1, `${part} at ${width}x${height}: ${JSON.stringify(box)}`).toBe(true);
    }
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(width);
  }
  await page.setViewportSize({ width: 390, height: 844 });
}
