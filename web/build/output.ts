import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import type { Plugin } from 'vite';

const dist = join(import.meta.dirname, '..', 'dist');
const keep = 'placeholder.txt';
const worthCompressing = /\.(js|css|svg|json)$/;
const smallestWorthCompressing = 512;

/** Empties dist except for the placeholder that lets Go compile without a build. */
export function clean(): Plugin {
  return {
    name: 'souk-clean',
    apply: 'build',
    buildStart() {
      for (const name of readdirSync(dist)) {
        if (name !== keep) rmSync(join(dist, name), { recursive: true });
      }
    },
  };
}

/** Writes a .br and a .gz beside each text asset, so that the server never compresses anything itself. */
export function precompress(): Plugin {
  return {
    name: 'souk-precompress',
    apply: 'build',
    enforce: 'post',
    closeBundle() {
      for (const file of files(dist)) {
        if (!worthCompressing.test(file)) continue;
        const plain = readFileSync(file);
        if (plain.length < smallestWorthCompressing) continue;
        writeFileSync(`${file}.gz`, gzipSync(plain, { level: 9 }));
        writeFileSync(
          `${file}.br`,
          brotliCompressSync(plain, { params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: plain.length } }),
        );
      }
    },
  };
}

/** Every file below a folder, in a stable order. */
export function files(folder: string): string[] {
  return readdirSync(folder)
    .sort()
    .flatMap((name) => {
      const path = join(folder, name);
      return statSync(path).isDirectory() ? files(path) : [path];
    });
}
