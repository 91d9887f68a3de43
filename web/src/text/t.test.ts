import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { en } from './en';
import { studio } from './en.studio';
import { cardName, countdown, known, learn, shortId, t } from './t';

test('fills names and chooses plurals', () => {
  expect(t('card.announce', { title: 'Sencha', price: '$12.50' })).toBe('On air now: Sencha, $12.50');
  expect(t('chat.new', { n: 1 })).toBe('1 new message');
  expect(t('chat.new', { n: 1204 })).toBe('1,204 new messages');
});

test('a name nobody gave stays visible instead of vanishing', () => expect(t('card.pay', {})).toBe('Pay {price}'));

test('the catalogues do not overlap, and a page may add its own', () => {
  expect(Object.keys(studio).filter((key) => key in en)).toEqual([]);
  learn(studio);
  expect(t('studio.viewers', { n: 1 })).toBe('1 viewer');
});

test('countdown rounds up, so that it never says 0:00 early', () => {
  expect([59.2, 60, 83, 0.1, 0, -5].map(countdown)).toEqual(['1:00', '1:00', '1:23', '0:01', '0:00', '0:00']);
});

test('names for people', () => {
  expect(cardName({ brand: 'visa', last4: '4242' })).toBe('Visa •••• 4242');
  expect(shortId('01939f6e-7a10-7cc3-98c4-dc0c0c07398f')).toBe('07398F');
});

const sources = (folder: string): string[] =>
  readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    return statSync(path).isDirectory() ? sources(path) : /\.(svelte|ts)$/.test(name) && !name.includes('.test.') ? [path] : [];
  });

test('every text is used, apart from those chosen by a word of the server', () => {
  const code = sources(join(import.meta.dirname, '..')).filter((f) => !/en(\.studio)?\.ts$/.test(f)).map((f) => readFileSync(f, 'utf8')).join('\n');
  const byData = /^(state|parcel|chat\.badge|order\.step)[._]/;
  const unused = Object.keys({ ...en, ...studio }).filter((key) => !byData.test(key) && !code.includes(`'${key}'`));
  expect(unused).toEqual([]);
  expect(known('state.paid')).toBe(true);
  expect(known('state.teleported')).toBe(false);
});
