import { afterEach, describe, expect, it, vi } from 'vitest'
import { fromHex } from '../src/bytes'
import { verifyEnvEncryptPublicKey, verifyEnvEncryptPublicKeyLegacy } from '../src/verify-env-encrypt-public-key'

const KEY = fromHex('e33a1832c6562067ff8f844a61e51ad051f1180b66ec2551fb0251735f3ee90a')
const SIGNATURE = fromHex(
  '8542c49081fbf4e03f62034f13fbf70630bdf256a53032e38465a27c36fd6bed' +
    '7a5e7111652004aef37f7fd92fbfc1285212c4ae6a6154203a48f5e16cad2cef00',
)
const APP_ID = '00'.repeat(20)
const SIGNER = '0x0217610d74cbd39b6143842c6d8bc310d79da1d82cc9d17f8876376221eda0c38f'

const V1_KEY = new Uint8Array(32).fill(0xde)
const V1_APP_ID = 'ab'.repeat(20)
const V1_TIME = 1_700_000_000
const V1_SIGNATURE = fromHex(
  'c9e643b59985ab43c0ae4ec75e302d9d7a70abe0212f9928d5fc56563aa56b54' +
    '15271d9ea4dd8d02125359dae4267d704c374ba72a829bece6e16b5e3cdfc9f600',
)
const V1_SIGNER = '0x031b84c5567b126440995d3ed5aaba0565d71e1834604819ff9c17f5e9d5dd078f'

const withLast = (last: number) => Uint8Array.from([...SIGNATURE.slice(0, 64), last])
const at = (seconds: number) => vi.spyOn(Date, 'now').mockReturnValue(seconds * 1000)

afterEach(() => {
  vi.restoreAllMocks()
})

describe('legacy signatures', () => {
  it.each(['', '0x', '0X'])('vector with prefix "%s"', (prefix) => {
    expect(verifyEnvEncryptPublicKey(KEY, SIGNATURE, prefix + APP_ID)).toBe(SIGNER)
    expect(verifyEnvEncryptPublicKeyLegacy(KEY, SIGNATURE, prefix + APP_ID)).toBe(SIGNER)
    expect(verifyEnvEncryptPublicKey(KEY, Buffer.from(SIGNATURE), prefix + APP_ID)).toBe(SIGNER)
  })

  it('recovery ids may be counted from 27', () => {
    expect(verifyEnvEncryptPublicKey(KEY, withLast(27), APP_ID)).toBe(SIGNER)
    expect(verifyEnvEncryptPublicKey(KEY, withLast(28), APP_ID)).not.toBe(SIGNER)
    for (const id of [2, 3, 26, 29, 255]) expect(verifyEnvEncryptPublicKey(KEY, withLast(id), APP_ID)).toBeNull()
  })

  it.each<[string, unknown, unknown, unknown]>([
    ['zero signature', KEY, new Uint8Array(65), APP_ID],
    ['short signature', KEY, SIGNATURE.slice(0, 64), APP_ID],
    ['long signature', KEY, Uint8Array.from([...SIGNATURE, 0]), APP_ID],
    ['overflowing signature', KEY, new Uint8Array(65).fill(255, 0, 64), APP_ID],
    ['signature as text', KEY, 'x'.repeat(65), APP_ID],
    ['app id not hex', KEY, SIGNATURE, 'not-hex'],
    ['app id with a bad digit', KEY, SIGNATURE, `${APP_ID.slice(1)}g`],
    ['short app id', KEY, SIGNATURE, APP_ID.slice(2)],
    ['long app id', KEY, SIGNATURE, `${APP_ID}00`],
    ['no app id', KEY, SIGNATURE, undefined],
    ['short key', KEY.slice(1), SIGNATURE, APP_ID],
    ['long key', Uint8Array.from([...KEY, 0]), SIGNATURE, APP_ID],
  ])('%s is invalid', (_, key, signature, appId) => {
    expect(verifyEnvEncryptPublicKey(key as Uint8Array, signature as Uint8Array, appId as string)).toBeNull()
  })

  it('are not what a timestamped one over longer fields is', () => {
    const stamp = '000000006553f100'
    expect(verifyEnvEncryptPublicKey(V1_KEY, V1_SIGNATURE, V1_APP_ID + stamp)).toBeNull()
    expect(
      verifyEnvEncryptPublicKey(Uint8Array.from([...fromHex(stamp), ...V1_KEY]), V1_SIGNATURE, V1_APP_ID),
    ).toBeNull()
  })
})

describe('timestamped signatures', () => {
  it.each([
    [0, V1_SIGNER],
    [300, V1_SIGNER],
    [301, null],
    [-60, V1_SIGNER],
    [-61, null],
  ])('%i s old', (age, signer) => {
    at(V1_TIME + age)
    expect(verifyEnvEncryptPublicKey(V1_KEY, V1_SIGNATURE, V1_APP_ID, V1_TIME)).toBe(signer)
    expect(verifyEnvEncryptPublicKey(V1_KEY, V1_SIGNATURE, V1_APP_ID, BigInt(V1_TIME))).toBe(signer)
  })

  it('keep the caller’s limits', () => {
    at(V1_TIME + 1)
    const verify = (options: object) => verifyEnvEncryptPublicKey(V1_KEY, V1_SIGNATURE, V1_APP_ID, V1_TIME, options)
    expect(verify({ maxAgeSeconds: 0 })).toBeNull()
    expect(verify({ maxAgeSeconds: 1 })).toBe(V1_SIGNER)
    expect(verify({ expectedSigner: V1_SIGNER.toUpperCase().replace('0X', '0x') })).toBe(V1_SIGNER)
    expect(verify({ expectedSigner: V1_SIGNER.slice(2) })).toBe(V1_SIGNER)
    for (const expectedSigner of [SIGNER, '', 'zz']) expect(verify({ expectedSigner })).toBeNull()
  })

  it.each([[undefined], [null], [-1], [-1n], [1.5], [Number.NaN], [2 ** 53], [2n ** 64n], ['1700000000'], [true]])(
    '%s never means the legacy rule',
    (timestamp) => {
      expect(verifyEnvEncryptPublicKey(KEY, SIGNATURE, APP_ID, timestamp as unknown as number)).toBeNull()
    },
  )
})
