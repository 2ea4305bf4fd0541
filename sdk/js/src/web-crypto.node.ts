import { webcrypto } from 'node:crypto'

/** Node.js 18 has no global one. */
export const webCrypto = webcrypto as unknown as Crypto
