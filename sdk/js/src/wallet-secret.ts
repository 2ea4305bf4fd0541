import crypto from 'crypto'
import type { GetKeyResponse, GetTlsKeyResponse } from './responses'

export type KeyAnswer = GetKeyResponse | GetTlsKeyResponse

export function isTlsKey(answer: KeyAnswer): answer is GetTlsKeyResponse {
  return answer.__name__ === 'GetTlsKeyResponse'
}

export function warnTlsKey(name: string): void {
  console.warn(`${name}: Please don't use \`deriveKey\` method to get key, use \`getKey\` instead.`)
}

/** The key of an answer. A TLS key is refused: its first 32 bytes are a header the whole world knows. */
export function plainSecret(name: string, answer: KeyAnswer): Uint8Array {
  if (!isTlsKey(answer)) return answer.key
  warnTlsKey(name)
  throw new Error(
    `${name}: the first 32 bytes of a TLS key are the same for everybody, so is the wallet made of them: ` +
      `use getKey, or ${name}Secure to reach an account that was made of a TLS key before`,
  )
}

/** Makes a wallet of the key of an answer, of a TLS key by the SHA-256 of its whole DER. */
export function withSecureSecret<Wallet>(
  name: string,
  answer: KeyAnswer,
  make: (secret: Uint8Array) => Wallet,
): Wallet {
  if (!isTlsKey(answer)) return make(answer.key)
  warnTlsKey(name)
  try {
    // Looked up at each call: an old OpenSSL may lack it, and programs may replace it.
    return make(new Uint8Array(crypto.createHash('sha256').update(answer.asUint8Array()).digest()))
  } catch (cause) {
    throw new Error(`${name}: missing sha256 support, please upgrade your openssl and node.js`, { cause })
  }
}
