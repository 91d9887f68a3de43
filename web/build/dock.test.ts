import { svelte } from '@sveltejs/vite-plugin-svelte';
import { join } from 'node:path';
import { build, type Rolldown } from 'vite';
import { beforeAll, expect, test } from 'vitest';
import config from '../vite.config.ts';

// The dock runs in the browser inside OBS 30, which is Chromium 103. Syntax is the target's business; what is checked
// here is what a target does not change: younger features of CSS, younger functions, and windows a dock cannot open.

const entry = join(import.meta.dirname, '..', 'src', 'pages', 'dock.ts');

let script = '';
let style = '';

beforeAll(async () => {
  process.env.NODE_ENV = 'production'; // the test runner's own value would build for development
  const { output } = (await build({
    root: join(import.meta.dirname, '..'),
    configFile: false,
    logLevel: 'error',
    plugins: [svelte()],
    build: { write: false, target: config.build!.target, modulePreload: { polyfill: false }, rolldownOptions: { input: entry } },
  })) as Rolldown.RolldownOutput;
  for (const file of output) {
    if (file.type === 'chunk') script += file.code;
    else if (file.fileName.endsWith('.css')) style += String(file.source);
  }
}, 60_000);

test('the build is made for Chromium 103', () => expect(config.build!.target).toContain('chrome103'));

test.each([
  ['nesting', /\{[^{}]*&/],
  ['ranges in media queries', /@media[^{]*[<>]/],
  ['container queries', /@container/],
  ['colour functions', /color-mix\(|oklch\(|light-dark\(/],
  ['transforms as properties', /[{;](?:translate|rotate|scale):/],
  ['popovers', /:popover-open/],
])('its styles do without %s', (_, young) => expect(style.match(young)?.[0]).toBeUndefined());

test('what a rule with :has() or a dynamic height does for others is no condition of use', () => {
  // Such rules are dropped there: they may decorate, and a height needs another line before it.
  const rules = style.match(/[^{}]*\{[^{}]*\}/g) ?? [];
  expect(rules.length).toBeGreaterThan(100);
  expect(rules.filter((rule) => rule.includes(':has(') && /display|grid|position|block-size/.test(rule))).toEqual([]);
  const young = /[{;](?:max-)?(?:block-size|height):[^;}]*\ddvh/;
  const old = /[{;](?:max-)?(?:block-size|height):[^;}]*\dvh/;
  expect(rules.filter((rule) => young.test(rule) && !old.test(rule))).toEqual([]);
});

test.each([
  ['younger functions', /\.(?:toSorted|toReversed|toSpliced|isSubsetOf|intersection|difference)\(|Object\.groupBy|Map\.groupBy|Promise\.withResolvers|Array\.fromAsync|URL\.canParse|showPopover/],
  ['asking and telling windows', /[^.\w](?:window\.)?(?:alert|confirm|prompt)\(["'`\w]/],
  ['windows of their own', /window\.open\(/],
])('its script does without %s', (_, young) => {
  expect(script.length).toBeGreaterThan(50_000);
  expect(script.match(young)?.[0]).toBeUndefined();
});
