/** Solana key pairs of the app. Needs the package `@solana/web3.js`. */
import { Keypair } from '@solana/web3.js'
import { type KeyAnswer, plainSecret, withSecureSecret } from './wallet-secret'

/** The key pair of a `getKey` answer. Throws for a TLS key: the pair made of its first bytes is the same for everybody. */
export function toKeypair(keyResponse: KeyAnswer): Keypair {
  return Keypair.fromSeed(plainSecret('toKeypair', keyResponse))
}

/** The key pair of a `getKey` answer, or of the hash of a TLS key. */
export function toKeypairSecure(keyResponse: KeyAnswer): Keypair {
  return withSecureSecret('toKeypairSecure', keyResponse, (secret) => Keypair.fromSeed(secret))
}
