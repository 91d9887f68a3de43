import { afterAll, beforeAll, expect, test } from 'vitest';
import { Shop } from './shop';

let shop: Shop;

beforeAll(async () => void (shop = await Shop.open()));
afterAll(() => shop?.close());

test.each([
  [390, 844],
  [1440, 900],
])('a host answers, sets the rules and sees who did what at %i x %i', async (width, height) => {
  const { page } = await shop.visitor(width, height);
  await page.goto(shop.ready.studio);
  await page.getByLabel('Email').fill(shop.ready.host.email);
  await page.getByLabel('Password').fill(shop.ready.host.password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  if (width < 1200) await page.getByRole('navigation').getByRole('button', { name: 'Chat' }).click();

  // A viewer asks; the host answers, and the viewer sees it.
  const { page: viewer } = await shop.visitor(390, 844);
  await viewer.goto(shop.ready.watch);
  await viewer.getByRole('button', { name: 'Ask the host a question' }).click();
  await viewer.getByLabel('Say something nice').fill(`How hot is the water, asked at ${width}?`);
  await viewer.getByLabel('Say something nice').press('Enter');
  await viewer.getByLabel('Your name in chat').fill('Mira');
  await viewer.getByLabel('Your name in chat').press('Enter');
  const tab = page.getByRole('group', { name: 'Chat' });
  await tab.getByRole('button', { name: 'Questions' }).click();
  const asked = page.locator('form').filter({ hasText: `asked at ${width}` });
  await asked.getByLabel('Your answer').fill('Eighty degrees.');
  await asked.getByRole('button', { name: 'Answer' }).click();
  await asked.waitFor({ state: 'detached' });
  await viewer.getByText('Eighty degrees.').waitFor();

  // A pinned notice is there for whoever comes later.
  await page.getByRole('button', { name: 'Announce' }).click();
  await page.getByLabel('Announce to the room').fill('Free shipping today');
  await page.getByLabel('Keep it in view').check();
  await page.locator('form').getByRole('button', { name: 'Announce' }).click();
  const { page: late } = await shop.visitor(390, 844);
  await late.goto(shop.ready.watch);
  await late.locator('.pinned').getByText('Free shipping today').waitFor();

  // Rules hold at once.
  await tab.getByRole('button', { name: 'Rules' }).click();
  await page.getByLabel('Words nobody may say').fill('scam*\nfake');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByText('Saved').waitFor();
  await viewer.getByLabel('Say something nice').fill('what a $cam');
  await viewer.getByLabel('Say something nice').press('Enter');
  await viewer.getByRole('alert').waitFor();
  await page.getByRole('button', { name: 'Calm the room' }).click();
  await page.getByRole('button', { name: 'End it' }).click();
  await page.getByRole('button', { name: 'Calm the room' }).waitFor();

  await tab.getByRole('button', { name: 'Log' }).click();
  await page.getByText('changed the rules').first().waitFor();
  expect(await page.getByText('Mira').count()).toBeGreaterThan(0);
});
