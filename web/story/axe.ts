import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Page } from 'playwright-core';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const rules = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

/** What axe finds wrong with a page once nothing moves. The page's context must bypass the policy: axe comes from outside. */
export async function faults(page: Page): Promise<string[]> {
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
