import { defineConfig } from 'tsup'

export default defineConfig({
  entry: [
    'src/index.ts',
    'src/viem.ts',
    'src/solana.ts',
    'src/encrypt-env-vars.ts',
    'src/get-compose-hash.ts',
    'src/verify-env-encrypt-public-key.ts',
    'src/web-crypto.node.ts',
    'src/web-crypto.browser.ts',
  ],
  format: ['cjs', 'esm'],
  target: 'node18',
  dts: true,
  clean: true,
  // Node and bundlers choose by the conditions in package.json.
  external: ['#web-crypto'],
})
