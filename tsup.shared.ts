import type { Options } from 'tsup'

/** Build options of every package: ESM and CJS with types, one file per entry, sources beside them. */
export const shared = (entry: Record<string, string>, options: Options = {}): Options => ({
  entry,
  format: ['esm', 'cjs'],
  dts: { compilerOptions: { customConditions: [] } },
  sourcemap: true,
  clean: true,
  treeshake: true,
  splitting: true,
  target: 'es2022',
  platform: 'node',
  shims: true,
  ...options,
})
