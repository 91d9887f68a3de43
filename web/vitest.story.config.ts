import { defineConfig } from 'vitest/config';

// Stories drive a real browser against the built binary; they share one machine, so they run one after the other.
const include = process.env.PICTURES ? ['story/pictures.ts'] : ['story/*.story.ts'];
export default defineConfig({
  test: { include, environment: 'node', fileParallelism: false, testTimeout: 90_000, hookTimeout: 60_000 },
});
