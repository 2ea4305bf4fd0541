import { secp256k1 } from '@noble/curves/secp256k1'
import { keccak_256 } from '@noble/hashes/sha3'
import { concat, fromPrefixedHex, to_hex, toBytes } from './bytes'

export interface VerifyOptions {
  /** Oldest acceptable timestamp, in seconds before now. Default: 300. */
  maxAgeSeconds?: number
  /** The compressed key of the only acceptable signer, in hex with or without `0x`. */
  expectedSigner?: string
}

const MESSAGE_PREFIX = toBytes('dstack-env-encrypt-pubkey:')
const APP_ID_SIZE = 20
const PUBLIC_KEY_SIZE = 32
const SIGNATURE_SIZE = 65
const MAX_AGE_SECONDS = 300
const FUTURE_SKEW_SECONDS = 60n
const MAX_TIMESTAMP = 2n ** 64n - 1n

function isBytesOf(value: unknown, size: number): value is Uint8Array {
  return value instanceof Uint8Array && value.length === size
}

function parseAppId(appId: unknown): Uint8Array | null {
  if (typeof appId !== 'string') return null
  try {
    const bytes = fromPrefixedHex(appId)
    return bytes.length === APP_ID_SIZE ? bytes : null
  } catch {
    return null
  }
}

function parseTimestamp(value: unknown): bigint | null {
  if (typeof value === 'number' && !Number.isSafeInteger(value)) return null
  if (typeof value !== 'number' && typeof value !== 'bigint') return null
  const timestamp = BigInt(value)
  return timestamp >= 0n && timestamp <= MAX_TIMESTAMP ? timestamp : null
}

function isFresh(timestamp: bigint, maxAgeSeconds: number): boolean {
  const age = BigInt(Math.floor(Date.now() / 1000)) - timestamp
  return age >= -FUTURE_SKEW_SECONDS && age <= maxAgeSeconds
}

function bigEndian64(value: bigint): Uint8Array {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setBigUint64(0, value)
  return bytes
}

function recover(message: Uint8Array, signature: Uint8Array): string | null {
  const v = signature[SIGNATURE_SIZE - 1]!
  const recoveryId = v === 27 || v === 28 ? v - 27 : v
  if (recoveryId > 1) return null
  try {
    const parsed = secp256k1.Signature.fromCompact(signature.slice(0, SIGNATURE_SIZE - 1)).addRecoveryBit(recoveryId)
    return `0x${parsed.recoverPublicKey(keccak_256(message)).toHex(true)}`
  } catch {
    return null
  }
}

function isExpected(signer: string, expected: string | undefined): boolean {
  if (expected === undefined) return true
  try {
    return to_hex(fromPrefixedHex(expected)) === signer.slice(2)
  } catch {
    return false
  }
}

/** The bytes between app id and public key; null when the timestamp forbids the signature. */
function signedTime(timestamp: unknown, options: VerifyOptions): Uint8Array | null {
  const parsed = parseTimestamp(timestamp)
  if (parsed === null || !isFresh(parsed, options.maxAgeSeconds ?? MAX_AGE_SECONDS)) return null
  return bigEndian64(parsed)
}

function verify(
  publicKey: Uint8Array,
  signature: Uint8Array,
  appId: string,
  time: Uint8Array | null,
  options: VerifyOptions,
): string | null {
  const id = parseAppId(appId)
  if (!id || !time || !isBytesOf(publicKey, PUBLIC_KEY_SIZE) || !isBytesOf(signature, SIGNATURE_SIZE)) return null
  const signer = recover(concat(MESSAGE_PREFIX, id, time, publicKey), signature)
  return signer !== null && isExpected(signer, options.expectedSigner) ? signer : null
}

/**
 * Returns the compressed key, `0x` and 66 hex digits, that signed an app's encryption key; null if invalid.
 *
 * With a timestamp, `signature` is the KMS answer's `signature_v1`: one that is too old or more than a minute in the future
 * is invalid, as is any timestamp that is not a whole number of seconds, undefined included. With exactly three arguments
 * `signature` is the answer's legacy `signature`, which never expires.
 *
 * The result is some key for almost any signature: compare it with the KMS's, or give that as `expectedSigner`.
 */
export function verifyEnvEncryptPublicKey(publicKey: Uint8Array, signature: Uint8Array, appId: string): string | null
export function verifyEnvEncryptPublicKey(
  publicKey: Uint8Array,
  signature: Uint8Array,
  appId: string,
  timestamp: bigint | number,
  options?: VerifyOptions,
): string | null
export function verifyEnvEncryptPublicKey(
  publicKey: Uint8Array,
  signature: Uint8Array,
  appId: string,
  ...rest: unknown[]
): string | null {
  if (rest.length === 0) return verifyEnvEncryptPublicKeyLegacy(publicKey, signature, appId)
  const options = (rest[1] ?? {}) as VerifyOptions
  return verify(publicKey, signature, appId, signedTime(rest[0], options), options)
}

/**
 * Verifies a signature without a timestamp, which can be replayed for ever.
 *
 * @deprecated Use `verifyEnvEncryptPublicKey` with the KMS answer's `signature_v1` and `timestamp`.
 */
export function verifyEnvEncryptPublicKeyLegacy(
  publicKey: Uint8Array,
  signature: Uint8Array,
  appId: string,
  options: VerifyOptions = {},
): string | null {
  return verify(publicKey, signature, appId, new Uint8Array(0), options)
}
