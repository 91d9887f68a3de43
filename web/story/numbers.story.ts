import { afterAll, beforeAll, expect, test } from 'vitest';
import { faults } from './axe';
import { fillDetails, chooseCard, playing, Shop, signIn } from './shop';

let shop: Shop;

beforeAll(async () => void (shop = await Shop.open()));
afterAll(() => shop?.close());

test('a viewer sees a card, opens the sheet and pays; the numbers say so, to the cent', async () => {
  const viewer = await shop.visitor(390, 844);
  await viewer.page.goto(shop.ready.watch);
  await playing(viewer.page);
  await viewer.page.getByRole('button', { name: /^Buy Spring sencha/ }).last().click();
  await fillDetails(viewer.page);
  await chooseCard(viewer.page, 'Visa');
  await viewer.page.getByRole('button', { name: 'Pay $14.50', exact: true }).click();
  await viewer.page.getByText(/^Order \w+ is paid\.$/).waitFor();

  const show = (await shop.call('GET', '/channels/tea')).show.id;
  await expect.poll(async () => (await shop.call('GET', `/shows/${show}/numbers`)).pins[0].opened, { timeout: 20_000 }).toBe(1);
  const n = await shop.call('GET', `/shows/${show}/numbers`);
  const paid = (await shop.orders()).filter((o) => o.state === 'paid').reduce((sum, o) => sum + o.total.amount, 0);
  expect(n.totals[0].gross).toBe(paid);
  expect(n.funnel).toMatchObject({ seen: 1, opened: 1, tapped: 1, paid: 1 });
  expect(n.pins[0]).toMatchObject({ seen: 1, opened: 1 });
  expect(viewer.complaints).toEqual([]);
});

test.each([
  [390, 844],
  [1440, 900],
])('its page shows them at %i x %i, and nobody else sees it', async (width, height) => {
  const show = (await shop.call('GET', '/channels/tea')).show.id;
  const { page, complaints } = await shop.visitor(width, height, { bypassCSP: true });
  await page.goto(`${shop.ready.http}/studio/shows/${show}`);
  await signIn(page, shop.ready.host);
  await page.getByRole('heading', { name: 'So far' }).waitFor();
  await page.getByRole('row', { name: /Spring sencha/ }).getByText('1', { exact: true }).first().waitFor();
  await page.getByText('As a table').click();
  expect(await faults(page)).toEqual([]);
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(width);
  const status = await page.evaluate(async (id) => (await fetch(`/api/v1/shows/${id}/numbers`, { credentials: 'omit' })).status, show);
  expect(status).toBe(404);
  expect(complaints.filter((c) => !c.includes('404'))).toEqual([]);
});
