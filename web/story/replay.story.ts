import type { Page } from 'playwright-core';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { faults } from './axe';
import { chooseCard, fillDetails, playing, Shop } from './shop';

const pictures = process.env.PICTURES; // a folder for screenshots, to look at

let shop: Shop;
let show: string;

// A show with two cards, one of them a flash deal, and a line of chat; then its encoder's key is taken away.
beforeAll(async () => {
  shop = await Shop.open({ broadcast: false, grace: '2s' });
  const [sencha, teapot] = await shop.products();
  await shop.call('DELETE', '/channels/tea/pin');
  const encoder = shop.push();
  await until(async () => (await shop.call('GET', '/channels/tea')).live);
  await pause(3_000);
  await shop.call('PUT', '/channels/tea/pin', { product: sencha!.id, offer: { price: { amount: 100, currency: 'USD' }, seconds: 300 } });
  await pause(1_500);
  const { page } = await shop.visitor(390, 844);
  await page.goto(shop.ready.watch);
  await page.getByLabel('Say something nice').fill('does it steep twice?');
  await page.keyboard.press('Enter');
  await page.getByLabel(/Your name in chat/).fill('Mira');
  await page.keyboard.press('Enter');
  await page.getByRole('listitem').filter({ hasText: 'does it steep twice?' }).waitFor();
  await pause(2_000);
  await shop.call('PUT', '/channels/tea/pin', { product: teapot!.id });
  await pause(3_000);
  show = (await shop.call('GET', '/channels/tea')).show.id;

  // On air: the page of the replay says so.
  const early = await shop.visitor(390, 844);
  await early.page.goto(`${shop.ready.http}/replay/${show}`);
  await early.page.getByText('This show is on air now.').waitFor();
  encoder.kill();

  // Who watched to the end is offered to watch again.
  await page.getByRole('link', { name: 'Watch the replay' }).waitFor({ timeout: 30_000 });
  expect(await page.getByRole('link', { name: 'Watch the replay' }).getAttribute('href')).toBe(`/replay/${show}`);
  await page.context().close();
  await early.page.context().close();

  // What was on air then is not what is true today.
  await shop.call('PATCH', `/products/${sencha!.id}`, { price: { amount: 1600, currency: 'USD' } });
  await shop.call('DELETE', `/products/${teapot!.id}`);
}, 120_000);
afterAll(() => shop?.close());

async function until(fact: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 30_000; !(await fact()); await pause(200)) if (Date.now() > end) throw new Error('never happened');
}

const picture = (page: Page, name: string) => (pictures ? page.screenshot({ path: `${pictures}/replay-${name}.png` }) : undefined);

test.each([
  [390, 844],
  [1440, 900],
])('cards and chat come with the picture, also after a seek, and sell at today’s price, at %i x %i', async (width, height) => {
  const { page, complaints } = await shop.visitor(width, height);
  await page.goto(`${shop.ready.http}/replay/${show}`);
  await playing(page);
  await page.keyboard.press(' ');
  await page.getByRole('button', { name: 'Play' }).waitFor();

  const slider = page.getByRole('slider', { name: 'Moment of the show' });
  await slider.focus();
  await page.keyboard.press('Home');
  const card = page.getByRole('article');
  await card.waitFor({ state: 'detached' });
  await page.getByText('Nobody had said anything yet.').waitFor();

  // The card of the first product, at its moment, for what it costs today.
  await page.getByRole('region', { name: 'In this show' }).getByRole('button', { name: /Spring sencha/ }).click();
  await card.getByText('Price now').waitFor();
  await card.getByText('$16.00').waitFor();
  expect(await card.getByText('$1.00').count()).toBe(0);
  await page.getByText('does it steep twice?').waitFor({ timeout: 15_000 });
  await picture(page, `${width}`);

  // Back again there is neither; at the end the other card, of what is gone.
  await slider.focus();
  await page.keyboard.press('Home');
  await card.waitFor({ state: 'detached' });
  await page.getByText('does it steep twice?').waitFor({ state: 'detached' });
  await page.keyboard.press('End');
  await page.keyboard.press('ArrowLeft');
  await page.keyboard.press('ArrowRight');
  await card.getByText('No longer sold').waitFor();
  expect(await slider.getAttribute('aria-valuetext')).toMatch(/^0:\d\d of 0:\d\d, Moss-green teapot$/);
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);

  await page.getByRole('region', { name: 'In this show' }).getByRole('button', { name: /Spring sencha/ }).click();
  await page.getByRole('button', { name: 'Buy Spring sencha, 100 g for $16.00' }).click();
  await fillDetails(page);
  await chooseCard(page, 'Visa');
  await page.getByRole('button', { name: 'Pay $16.00', exact: true }).click();
  await page.getByText(/^Order \w+ is paid\.$/).waitFor();
  expect(complaints).toEqual([]);
});

test('in Arabic it is mirrored, and axe finds nothing', async () => {
  for (const [width, height] of [[390, 844], [1440, 900]] as const) {
    const { page } = await shop.visitor(width, height, { bypassCSP: true, reducedMotion: 'reduce' }); // axe comes from outside
    await page.goto(`${shop.ready.http}/replay/${show}?lang=ar`);
    await playing(page);
    await page.getByRole('button', { name: 'إيقاف مؤقت' }).click();
    await page.getByRole('region', { name: 'في هذا العرض' }).getByRole('button', { name: /Spring sencha/ }).click();
    await page.getByRole('article').getByText('السعر الآن').waitFor();
    expect(await faults(page)).toEqual([]);
    await picture(page, `ar-${width}`);
    await page.context().close();
  }
});

test('a link to it has a card, and what is not there says so', async () => {
  const head = await (await fetch(`${shop.ready.http}/replay/${show}`)).text();
  expect(head).toContain(`<meta property="og:url" content="${shop.ready.http}/replay/${show}">`);
  const embed = await (await fetch(`${shop.ready.http}/oembed?url=${encodeURIComponent(`${shop.ready.http}/replay/${show}`)}`)).json();
  expect(embed).toMatchObject({ type: 'link', version: '1.0' });
  expect((await fetch(`${shop.ready.http}/replay/none`)).status).toBe(404);
  expect((await fetch(`${shop.ready.http}/oembed?url=${encodeURIComponent(`${shop.ready.http}/replay/none`)}`)).status).toBe(404);
});

// The last one: afterwards there is no recording.
test('a deleted recording says so', async () => {
  await shop.call('DELETE', `/shows/${show}/recording`);
  const { page, complaints } = await shop.visitor(390, 844);
  await page.goto(`${shop.ready.http}/replay/${show}`);
  await page.getByText(/The replay is being made|This show cannot be watched again/).waitFor();
  expect(await page.locator('video').count()).toBe(0);
  await page.getByRole('link', { name: 'To the channel' }).waitFor();
  expect(complaints).toEqual([]);
});
