import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { choices } from './languages';
import { cardName, countdown, known, shortId, t } from './t';

test('fills names and chooses plurals', () => {
  expect(t('card.announce', { title: 'Sencha', price: '$12.50' })).toBe('On air now: Sencha, $12.50');
  expect(t('chat.new', { n: 1 })).toBe('1 new message');
  expect(t('chat.new', { n: 1204 })).toBe('1,204 new messages');
});

test('a name nobody gave stays visible instead of vanishing', () => expect(t('card.pay', {})).toBe('Pay {price}'));

test('countdown rounds up, so that it never says 0:00 early', () => {
  expect([59.2, 60, 83, 0.1, 0, -5].map(countdown)).toEqual(['1:00', '1:00', '1:23', '0:01', '0:00', '0:00']);
});

test('names for people', () => {
  expect(cardName({ brand: 'visa', last4: '4242' })).toBe('Visa •••• 4242');
  expect(shortId('01939f6e-7a10-7cc3-98c4-dc0c0c07398f')).toBe('07398F');
});

const web = join(import.meta.dirname, '..', '..');
type Texts = Record<string, string | Record<string, string>>;
const catalogues: Record<string, Texts> = Object.fromEntries(
  Object.keys(choices).map((tag) => [tag, JSON.parse(readFileSync(join(web, 'texts', `${tag}.json`), 'utf8'))]),
);
const english = catalogues.en!;
const formsOf = (entry: string | Record<string, string>) => (typeof entry === 'string' ? [entry] : Object.values(entry));
const namesIn = (text: string) => [...text.matchAll(/\{(\w+)\}/g)].map((m) => m[1]!).sort();

for (const [tag, texts] of Object.entries(catalogues)) {
  test(`${tag} says everything, with the same names and all its plural forms`, () => {
    expect(Object.keys(texts).sort()).toEqual(Object.keys(english).sort());
    for (const [key, entry] of Object.entries(texts)) {
      expect(typeof entry, key).toBe(typeof english[key]);
      for (const form of formsOf(entry)) expect(form.trim(), key).not.toBe('');
      if (typeof entry === 'string') {
        expect(namesIn(entry), key).toEqual(namesIn(english[key] as string));
        continue;
      }
      expect(Object.keys(entry).sort(), key).toEqual(new Intl.PluralRules(tag).resolvedOptions().pluralCategories.sort());
      // A form may leave out {n} ("one unit"), but not bring a name of its own.
      const allowed = new Set(formsOf(english[key]!).flatMap(namesIn));
      for (const form of formsOf(entry)) for (const name of namesIn(form)) expect(allowed.has(name), `${key}: {${name}}`).toBe(true);
    }
  });
}

const sources = (folder: string): string[] =>
  readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    return statSync(path).isDirectory() ? sources(path) : /\.(svelte|ts)$/.test(name) && !name.includes('.test.') ? [path] : [];
  });

test('every text is used, whole or by its beginning, apart from those chosen by a word of the server', () => {
  const code = sources(join(web, 'src')).map((f) => readFileSync(f, 'utf8')).join('\n');
  const elsewhere = /^(state|parcel|page|mail|chat\.badge|order\.step)[._]/;
  const begun = [...code.matchAll(/`(\w+\.\w*)\$\{/g)].map((m) => m[1]!); // t(`talk.${tab}`)
  const unused = Object.keys(english).filter((key) => !elsewhere.test(key) && !code.includes(`'${key}'`) && !begun.some((start) => key.startsWith(start)));
  expect(unused).toEqual([]);
  expect(known('state.paid')).toBe(true);
  expect(known('state.teleported')).toBe(false);
});

/** The source files that a page is made of. */
function parts(file: string, seen = new Set<string>()): Set<string> {
  if (seen.has(file)) return seen;
  seen.add(file);
  for (const [, to] of readFileSync(file, 'utf8').matchAll(/(?:from|import\()\s*'(\.[^']+)'/g)) {
    const base = join(dirname(file), to!);
    const found = [base, `${base}.ts`].find((path) => existsSync(path) && statSync(path).isFile());
    if (found && /\.(ts|svelte)$/.test(found)) parts(found, seen);
  }
  return seen;
}

test('every page carries the texts that its parts say', () => {
  const words = new Set(Object.keys(english).map((key) => key.split('.')[0]!));
  for (const line of readFileSync(join(web, 'texts', 'views.txt'), 'utf8').split('\n')) {
    const [view, ...carried] = line.trim().split(/\s+/);
    const entry = join(web, 'src', 'pages', `${view}.ts`);
    if (!view || view === '#' || !existsSync(entry)) continue;
    const said = new Set<string>();
    for (const file of parts(entry)) {
      for (const [, word] of readFileSync(file, 'utf8').matchAll(/['`](\w+)\.[a-z_$]/g)) if (words.has(word!)) said.add(word!);
    }
    expect([...said].filter((word) => !carried.includes(word)), view).toEqual([]);
  }
});
