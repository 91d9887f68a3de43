import { brotliCompressSync } from 'node:zlib';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Shop } from './shop';

// The overlay inside the host's picture: transparent, at once, and never in the way.

let shop: Shop;
beforeAll(async () => {
  shop = await Shop.open({ broadcast: false });
});
afterAll(() => shop?.close());

const budget = 5 * 1024; // bytes of script and style, compressed

/** The opacity of a pixel, 0 to 255, of what OBS would lay over the picture. */
async function alpha(page: Page, x: number, y: number): Promise<number> {
  const png = (await page.screenshot({ omitBackground: true, path: process.env.SHOTS && `${process.env.SHOTS}/overlay-${page.viewportSize()!.width}.png` })).toString('base64');
  return page.evaluate(
    async ([png, x, y]) => {
      const image = new Image();
      image.src = `data:image/png;base64,${png}`;
      await image.decode();
      const canvas = document.createElement('canvas');
      canvas.width = image.width;
      canvas.height = image.height;
      const pen = canvas.getContext('2d')!;
      pen.drawImage(image, 0, 0);
      return pen.getImageData(x, y, 1, 1).data[3]!;
    },
    [png, x, y] as const,
  );
}

const overlay = () => `${shop.ready.http}/overlay/tea`;

for (const [width, height] of [
  [1920, 1080],
  [1080, 1920],
] as const) {
  test(`card, code and transparency at ${width}x${height}`, async () => {
    const { page, complaints } = await shop.visitor(width, height);
    await page.goto(overlay());
    await page.locator('.card.on').waitFor();
    await page.waitForFunction(() => [...document.images].every((i) => i.complete && i.naturalWidth > 0));
    await page.waitForFunction(() => getComputedStyle(document.querySelector('.card')!).opacity === '1');
    const card = (await page.locator('.card').boundingBox())!;
    expect(card.x).toBeGreaterThanOrEqual(60);
    expect(card.x + card.width).toBeLessThanOrEqual(width - 60);
    expect(card.y + card.height).toBeLessThan(height > width ? height * 0.78 : height - 60);
    expect(await page.locator('.scan img').evaluate((i) => i.getBoundingClientRect().width)).toBeGreaterThanOrEqual(156);
    expect(await alpha(page, 2, 2)).toBe(0);
    expect(await alpha(page, width - 3, height - 3)).toBe(0);
    expect(await alpha(page, Math.round(card.x + card.width / 2), Math.round(card.y + 8))).toBe(255);
    expect(await page.evaluate(() => document.documentElement.scrollWidth > innerWidth || document.documentElement.scrollHeight > innerHeight)).toBe(false);
    expect(complaints).toEqual([]);
    await page.context().close();
  });
}

test('a flash offer, the last units, a sale, and off air again', async () => {
  const { page } = await shop.visitor(1920, 1080);
  const spoon = (await shop.products()).find((p) => p.title.startsWith('Brass'))!;
  await page.goto(`${overlay()}?lang=id`);
  await page.locator('.card.on').waitFor();
  await shop.call('PUT', '/channels/tea/pin', { product: spoon.id, offer: { price: { amount: 700, currency: 'USD' }, seconds: 60 } });
  await page.getByText('Brass tasting spoon').waitFor();
  await page.getByText('$7,00').waitFor();
  await page.locator('s', { hasText: '$9,50' }).waitFor();
  await page.getByText('Sisa 3').waitFor();
  await page.getByText(/^(1:00|0:5\d)$/).waitFor();

  await shop.buy(spoon.id, 'USD', 700);
  await page.locator('.sale.on', { hasText: 'Terjual: Brass tasting spoon' }).waitFor();
  await page.getByText('Sisa 2').waitFor();
  if (process.env.SHOTS) await page.screenshot({ omitBackground: true, path: `${process.env.SHOTS}/overlay-flash.png` });

  await shop.call('DELETE', '/channels/tea/pin');
  await page.locator('.card:not(.on)').waitFor();
  await page.context().close();
});

test('right to left mirrors the card', async () => {
  const { page } = await shop.visitor(1920, 1080);
  await shop.call('PUT', '/channels/tea/pin', { product: (await shop.products())[0]!.id });
  await page.goto(`${overlay()}?lang=ar`);
  await page.locator('.card.on').waitFor();
  const card = (await page.locator('.card').boundingBox())!;
  expect(card.x + card.width).toBeGreaterThan(1920 / 2 + 300);
  if (process.env.SHOTS) await page.screenshot({ omitBackground: true, path: `${process.env.SHOTS}/overlay-ar.png` });
  await page.context().close();
});

test('script and style stay small', async () => {
  const { page } = await shop.visitor(1920, 1080);
  const sizes: Promise<number>[] = [];
  page.on('response', (r) => /\.(js|css)$/.test(r.url()) && sizes.push(r.body().then((b) => brotliCompressSync(b).length)));
  await page.goto(overlay(), { waitUntil: 'networkidle' });
  expect((await Promise.all(sizes)).reduce((a, b) => a + b, 0)).toBeLessThan(budget);
  await page.context().close();
});
