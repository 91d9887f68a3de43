import { expect, test } from 'vitest';
import { slugOf } from './slug';

test.each([
  ['Tea House', 'tea-house'],
  ['  Café & Crème! ', 'cafe-creme'],
  ['بيت الشاي', ''],
  ['Kain batik Lasem, motif parang dan kawung', 'kain-batik-lasem-motif-parang-da'],
  ['---', ''],
])('%s', (title, slug) => expect(slugOf(title)).toBe(slug));
