import { defineConfig } from 'vitest/config';

// Stories drive a real browser against the built binary; they share one machine, so they run one after the other.
// STORY names one of the others: pictures for the README, or a measurement.
const include = process.env.STORY ? [`story/${process.env.STORY}.ts`] : ['story/*.story.ts'];
export default defineConfig({
  test: { include, environment: 'node', fileParallelism: false, testTimeout: 90_000, hookTimeout: 60_000 },
});
