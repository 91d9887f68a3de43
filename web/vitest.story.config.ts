import { defineConfig } from 'vitest/config';

// Stories drive a real browser against the built binary; they share one machine, so they run one after the other.
export default defineConfig({
  test: { include: ['story/*.story.ts'], environment: 'node', fileParallelism: false, testTimeout: 90_000, hookTimeout: 60_000 },
});
