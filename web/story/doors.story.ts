import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { faults } from './axe';
import { Shop, signIn } from './shop';

let shop: Shop;

beforeAll(async () => void (shop = await Shop.open({ broadcast: false })));
afterAll(() => shop?.close());

/** The same server by the name for which browsers make passkeys. */
const local = (address: string) => address.replace('127.0.0.1', 'localhost');

const linkIn = (mail: string) => /http:\S+\/enter#[\w-]+/.exec(mail)![0];

/** A device with a screen lock, which its holder always passes. */
async function withLock(page: Page): Promise<void> {
  const device = await page.context().newCDPSession(page);
  await device.send('WebAuthn.enable');
  await device.send('WebAuthn.addVirtualAuthenticator', {
    options: { protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true },
  });
}

test.each([
  [390, 844],
  [1440, 900],
])('a passkey is made, named, used and removed at %i x %i', async (width, height) => {
  const { page, complaints } = await shop.visitor(width, height, { bypassCSP: true });
  await withLock(page);
  await page.goto(local(shop.ready.http) + '/account');
  await signIn(page, shop.ready.host);
  await page.getByRole('heading', { name: 'Passkeys' }).waitFor();
  await page.getByLabel('Name of the new passkey').fill(`Phone ${width}`);
  await page.getByRole('button', { name: 'Add a passkey' }).click();
  await page.getByText('Passkey added').waitFor();
  expect(await faults(page)).toEqual([]);
  await page.getByRole('button', { name: 'Sign out', exact: true }).click();

  await page.getByRole('button', { name: 'Sign in with a passkey' }).click();
  await page.getByText(/^used /).first().waitFor();
  const row = page.getByRole('listitem').filter({ hasText: `Phone ${width}` });
  await row.getByRole('button').click();
  await row.getByRole('button', { name: /Tap again/ }).click();
  await row.waitFor({ state: 'detached' });
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(width);

  await page.getByRole('button', { name: 'Sign out', exact: true }).click();
  await page.getByRole('button', { name: 'Sign in with a passkey' }).click();
  await page.getByRole('alert').waitFor(); // the device still has it; the server does not
  expect(complaints.filter((c) => !c.includes('401'))).toEqual([]);
});

test('a link by mail signs in, once, by the button and not by looking', async () => {
  const { page, complaints } = await shop.visitor(390, 844, { bypassCSP: true });
  await page.goto(shop.ready.studio);
  await page.getByText('Email me a link').waitFor();
  expect(await page.getByRole('button', { name: 'Sign in with a passkey' }).count()).toBe(0); // digits are no name
  await page.getByLabel('Email').fill(shop.ready.host.email);
  await page.getByRole('button', { name: 'Email me a link' }).click();
  await page.getByText('a link is on its way').waitFor();
  const link = linkIn(await shop.mail(shop.ready.host.email));

  const scanner = await shop.visitor(800, 600); // runs scripts, presses nothing
  await scanner.page.goto(link);
  await scanner.page.getByText('asked for in another browser').waitFor();

  await page.goto(link);
  await page.getByRole('heading', { name: `Sign in as ${shop.ready.host.email}` }).waitFor();
  expect(await page.getByText('asked for in another browser').count()).toBe(0);
  expect(new URL(page.url()).hash).toBe('');
  expect(await faults(page)).toEqual([]);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.getByRole('heading', { name: 'Tea House' }).waitFor();

  await scanner.page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await scanner.page.getByText('This link has ended').waitFor();
  expect(complaints).toEqual([]);
});

test('an invited moderator comes by mail; the role, and then the session, end at once', async () => {
  const owner = await shop.visitor(1440, 900, { bypassCSP: true });
  await owner.page.goto(local(shop.ready.http) + '/account');
  await signIn(owner.page, shop.ready.host);
  const people = owner.page.getByRole('region', { name: 'People of tea' });
  await people.getByLabel('Email').fill('mo@example.com');
  await people.getByRole('combobox').selectOption('moderator');
  await people.getByRole('button', { name: 'Invite' }).click();
  await people.getByText('mo@example.com was invited').waitFor();
  expect(await faults(owner.page)).toEqual([]);

  const mo = await shop.visitor(390, 844);
  await mo.page.goto(linkIn(await shop.mail('mo@example.com')));
  await mo.page.getByRole('heading', { name: 'Tea House invites you' }).waitFor();
  await mo.page.getByLabel('Your name').fill('Mo');
  await mo.page.getByRole('button', { name: 'Accept' }).click();
  await mo.page.getByRole('heading', { name: 'Tea House' }).waitFor();
  await mo.page.getByRole('button', { name: 'On air' }).click();
  await mo.page.getByText('does not see the stream key').waitFor();
  await mo.page.getByRole('button', { name: 'Chat' }).click();
  await mo.page.getByRole('button', { name: 'Announce' }).waitFor();

  await owner.page.reload();
  const held = people.getByRole('listitem').filter({ hasText: 'mo@example.com' });
  await held.getByRole('button').click();
  await held.getByRole('button', { name: /Tap again/ }).click();
  await held.waitFor({ state: 'detached' });
  await mo.page.getByText('You have no channel yet').waitFor({ timeout: 5_000 });
  await people.getByText('What was changed').click();
  await people.getByText(/took the role moderator from Mo/).waitFor();
});

test('signed out from another device, the room closes', async () => {
  const here = await shop.visitor(1440, 900);
  await here.page.goto(local(shop.ready.http) + '/account');
  await signIn(here.page, shop.ready.host);
  await here.page.getByRole('heading', { name: 'Where you are signed in' }).waitFor();
  const there = await shop.visitor(390, 844, { userAgent: 'Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Mobile Safari/537.36' });
  const closed = new Promise<void>((done) => there.page.on('websocket', (socket) => socket.on('close', () => done())));
  await there.page.goto(local(shop.ready.studio));
  await signIn(there.page, shop.ready.host);
  await there.page.getByRole('heading', { name: 'Tea House' }).waitFor();
  await here.page.reload();
  const phone = here.page.getByRole('listitem').filter({ hasText: 'Chrome, Android' }).first();
  await phone.getByRole('button').click();
  await phone.getByRole('button', { name: /Tap again/ }).click();
  await closed;
  await there.page.getByLabel('Password').waitFor({ timeout: 5_000 });
});
