import { x25519 } from '@noble/curves/ed25519'
import { webCrypto } from '#web-crypto'
import { concat, fromPrefixedHex, to_hex, toBytes } from './bytes'

/** One environment variable. */
export interface EnvVar {
  key: string
  value: string
}

const PUBLIC_KEY_SIZE = 32
const NONCE_SIZE = 12

function parsePublicKey(publicKeyHex: string): Uint8Array {
  let key: Uint8Array
  try {
    key = fromPrefixedHex(publicKeyHex)
  } catch (error) {
    throw new Error(`bad public key: ${(error as Error).message}`)
  }
  if (key.length !== PUBLIC_KEY_SIZE)
    throw new Error(`bad public key: ${key.length} bytes instead of ${PUBLIC_KEY_SIZE}`)
  return key
}

function agree(secret: Uint8Array, publicKey: Uint8Array): Uint8Array {
  let shared: Uint8Array | undefined
  try {
    shared = x25519.getSharedSecret(secret, publicKey)
  } catch {
    shared = undefined
  }
  if (!shared?.some((byte) => byte !== 0)) throw new Error('bad public key: the shared secret would be all zero')
  return shared
}

async function seal(key: Uint8Array, nonce: Uint8Array, plaintext: Uint8Array): Promise<Uint8Array> {
  const imported = await webCrypto.subtle.importKey('raw', key as BufferSource, 'AES-GCM', false, ['encrypt'])
  const algorithm = { name: 'AES-GCM', iv: nonce as BufferSource }
  return new Uint8Array(await webCrypto.subtle.encrypt(algorithm, imported, plaintext as BufferSource))
}

/**
 * Encrypts variables to an app's encryption key and returns the ciphertext as hex, in Node.js and browsers.
 *
 * The result is confidential, not authentic: anyone who knows the public key can make one. Get that key from a KMS and
 * check its signature with `verifyEnvEncryptPublicKey`.
 */
export async function encryptEnvVars(envs: EnvVar[], publicKeyHex: string): Promise<string> {
  const publicKey = parsePublicKey(publicKeyHex)
  const env = envs.map(({ key, value }) => ({ key, value }))
  const secret = webCrypto.getRandomValues(new Uint8Array(PUBLIC_KEY_SIZE))
  const nonce = webCrypto.getRandomValues(new Uint8Array(NONCE_SIZE))
  const sealed = await seal(agree(secret, publicKey), nonce, toBytes(JSON.stringify({ env })))
  return to_hex(concat(x25519.getPublicKey(secret), nonce, sealed))
}
