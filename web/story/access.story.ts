import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { playing, Shop } from './shop';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const rules = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

let shop: Shop;

beforeAll(async () => void (shop = await Shop.open()));
afterAll(() => shop?.close());

async function faults(page: Page): Promise<string[]> {
  await page.evaluate(() => Promise.all(document.getAnimations().map((a) => a.finished.catch(() => undefined))).then(() => undefined));
  return page.evaluate(
    async ([source, tags]) => {
      (0, eval)(source as string);
      const found = await (globalThis as any).axe.run(document, { runOnly: tags });
      return found.violations.map((v: any) => `${v.id}: ${v.nodes[0].html}`);
    },
    [axe, rules] as const,
  );
}

test.each([
  [390, 844],
  [1440, 900],
])('no page has a fault at %i x %i, and the sheet opens and closes by keyboard', async (width, height) => {
  const [sencha] = await shop.products();
  await shop.call('PUT', '/channels/tea/pin', { product: sencha!.id, offer: { price: { amount: 1000, currency: 'USD' }, seconds: 300 } });
  const { page } = await shop.visitor(width, height, { bypassCSP: true, reducedMotion: 'reduce' }); // axe comes from outside
  await page.goto(shop.ready.http);
  await page.getByText('Tea House').first().waitFor();
  expect(await faults(page)).toEqual([]);

  await page.goto(shop.ready.watch);
  await playing(page);
  await page.locator('.card').waitFor();
  expect(await faults(page)).toEqual([]);

  await page.getByRole('button', { name: /^Buy Spring sencha/ }).last().focus();
  await page.keyboard.press('Enter');
  await page.getByLabel('Full name').waitFor();
  expect(await faults(page)).toEqual([]);
  await page.keyboard.press('Escape');
  await page.locator('dialog[open]').waitFor({ state: 'detached' });

  for (const path of ['/orders/none', '/nowhere', '/studio']) {
    await page.goto(shop.ready.http + path);
    await page.getByRole('heading').first().waitFor();
    expect(await faults(page), path).toEqual([]);
  }
});
