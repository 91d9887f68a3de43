import { svelte } from '@sveltejs/vite-plugin-svelte';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync } from 'node:zlib';
import { build, type Rolldown } from 'vite';
import { beforeAll, expect, test } from 'vitest';

// Brotli kilobytes a page may cost before anything lazy arrives. Raised only together with what makes it grow.
const budgets = JSON.parse(readFileSync(join(import.meta.dirname, 'budget.json'), 'utf8')) as Record<string, number>;

let chunks: Map<string, Rolldown.OutputChunk>;

beforeAll(async () => {
  process.env.NODE_ENV = 'production'; // the test runner's own value would measure a development build
  const root = join(import.meta.dirname, '..');
  const output = (await build({
    root,
    configFile: false,
    mode: 'production',
    logLevel: 'error',
    plugins: [svelte()],
    build: {
      write: false,
      target: 'es2022',
      modulePreload: { polyfill: false },
      rolldownOptions: { input: Object.keys(budgets).filter((entry) => entry.startsWith('src/pages/')).map((entry) => join(root, entry)) },
    },
  })) as Rolldown.RolldownOutput;
  chunks = new Map(output.output.filter((o) => o.type === 'chunk').map((c) => [c.fileName, c]));
}, 60_000);

/** A chunk with everything it imports statically. */
function closure(file: string, seen = new Set<string>()): Set<string> {
  if (seen.has(file)) return seen;
  seen.add(file);
  for (const next of chunks.get(file)!.imports) closure(next, seen);
  return seen;
}

const chunkOf = (source: string) => [...chunks.values()].find((c) => c.facadeModuleId?.endsWith(source))!;

// What is loaded later costs only what its page has not loaded already.
test.each(Object.entries(budgets))('%s stays within %i KB', (source, budget) => {
  const files = closure(chunkOf(source).fileName);
  const loaded = source.startsWith('src/pages/') ? new Set<string>() : closure(chunkOf('src/pages/live.ts').fileName);
  let bytes = 0;
  for (const file of files) if (!loaded.has(file)) bytes += brotliCompressSync(chunks.get(file)!.code).length;
  expect(bytes / 1024).toBeLessThanOrEqual(budget);
  expect(bytes / 1024).toBeGreaterThan(budget / 4); // or the measurement is broken
});
