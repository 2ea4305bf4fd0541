/** Ethereum accounts of the app. Needs the package `viem`. */
import { type PrivateKeyAccount, privateKeyToAccount } from 'viem/accounts'
import { to_hex } from './bytes'
import { type KeyAnswer, plainSecret, withSecureSecret } from './wallet-secret'

function account(secret: Uint8Array): PrivateKeyAccount {
  return privateKeyToAccount(`0x${to_hex(secret)}`)
}

/** The account of a `getKey` answer. Throws for a TLS key: the account made of its first bytes is the same for everybody. */
export function toViemAccount(keyResponse: KeyAnswer): PrivateKeyAccount {
  return account(plainSecret('toViemAccount', keyResponse))
}

/** The account of a `getKey` answer, or of the hash of a TLS key. */
export function toViemAccountSecure(keyResponse: KeyAnswer): PrivateKeyAccount {
  return withSecureSecret('toViemAccountSecure', keyResponse, account)
}
