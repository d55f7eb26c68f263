// Written by scripts/build-kernel.mjs from assembly/dot.ts; a test compiles it again and compares.

/** WebAssembly with SIMD, base64; exports dots(query, rows, count, stride, out). */
export const kernelBase64 =
  'AGFzbQEAAAABCQFgBX9/f39/AAIPAQNlbnYGbWVtb3J5AgAAAwIBAAcRAgRkb3RzAAAGbWVtb3J5AgAKyQEBxgECA3sDfwNAIAIgCUoEQP0MAA' +
  'AAAAAAAAAAAAAAAAAAACEF/QwAAAAAAAAAAAAAAAAAAAAAIQZBACEIA0AgAyAISwRAIAUgASAIav0ABAAiB/2HASAAIAhBAXRqIgr9AAQA/boB' +
  '/a4BIQUgBiAH/YgBIAr9AAQQ/boB/a4BIQYgCEEQaiEIDAELCyAEIAUgBv2uASIF/RsAIAX9GwFqIAX9GwIgBf0bA2pqNgIAIAEgA2ohASAEQQ' +
  'RqIQQgCUEBaiEJDAELCws='
