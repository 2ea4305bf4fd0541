import crypto from 'crypto'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { fromHex, to_hex } from '../src/bytes'
import { keyResponse, tlsKeyResponse } from '../src/responses'
import { toKeypair, toKeypairSecure } from '../src/solana'
import { toViemAccount, toViemAccountSecure } from '../src/viem'

const TLS_KEY = tlsKeyResponse({
  key: `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgCC0ZeQfahI+Alfhs
OnI791oILpdyPgAP49/78IuVjqihRANCAAROJ5YaGXbk2cVtIVNruwbKX3QIdvip
goeVxXbdhXuZr/YNBj5xYUeFi9TKZBUEKqDl1rZRDB9UGcJ2KCr8C4W1
-----END PRIVATE KEY-----
`,
  certificate_chain: [],
})
const KNOWN_ADDRESS = '0xf3d21a3a689ad889541d993a51e3109ac3e36c12'

const VECTORS = [
  [
    '6244639c307e3d12a313dc49dbe310d4e0b833b15c346749ea96a4b9226e33b9',
    '0x95d8399a8a90e4807d254cd26b4cff08b992bf10',
    'dba98a47245a51706a1cffb6bf08434f2bf12e8c1ec4165623083d3532dd0154',
  ],
  [
    '6f01d732740cf8cad20aaa706904913c6d973cf4914e8f758ecd4ef46106ec4f',
    '0xe3edfe0d432d5e71f3876f19b34ae947e38d6536',
    '23f8cd576887e7db0f3508b068d1b28090f33894d810035277d514b76ae25a3b',
  ],
  [
    '765300f5c141da0ab392051882277435c13a0dc152b0d60045d89c4cd9977235',
    '0xd65652874f4f4ae6d2cb6536973c73cf4eee8cd0',
    '808c2a81769e9e9042465474263060bc559ee8336546f7acf73fead09b18bd03',
  ],
  [
    '887aa52486cdf9e94508e406e4f1dd8300a3781530e4dc5a8be22ca4821d7e3e',
    '0xdc49e11425e268d8fa4d0d169c11605072c9291d',
    '6ee67df2b6f35f357943f9dc27cc03ae5c3f9c39189d5affaa50a9ddd5e5dbd8',
  ],
  [
    '73556950d8a18be6887481699ebb92f720167eb6f28ad3048b78f1f9666fdd95',
    '0x08c3c7ce6020783a6a11688932cebff19218a69f',
    '69877008e7f1eadf63ac93222f2aef28444b25903d18fd0c7b8221dababa1550',
  ],
] as const

afterEach(() => {
  vi.restoreAllMocks()
})

describe('wallets', () => {
  it.each(VECTORS)('of key %s', (key, address, publicKey) => {
    const answer = keyResponse({ key, signature_chain: [] })
    for (const make of [toViemAccount, toViemAccountSecure]) {
      expect(make(answer).address.toLowerCase()).toBe(address)
      expect(make(answer).source).toBe('privateKey')
    }
    for (const make of [toKeypair, toKeypairSecure]) {
      expect(to_hex(make(answer).publicKey.toBytes())).toBe(publicKey)
      expect(make(answer).secretKey).toHaveLength(64)
    }
  })

  it.each([toViemAccount, toKeypair])('$name refuses the key everybody has', (make) => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
    expect(() => make(TLS_KEY)).toThrow(`use getKey, or ${make.name}Secure`)
    expect(warn).toHaveBeenCalledWith(
      `${make.name}: Please don't use \`deriveKey\` method to get key, use \`getKey\` instead.`,
    )
  })

  it('secure ones hash the whole TLS key', () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
    const digest = crypto.createHash('sha256').update(TLS_KEY.asUint8Array()).digest('hex')
    const hashed = keyResponse({ key: digest, signature_chain: [] })
    expect(toViemAccountSecure(TLS_KEY).address).toBe(toViemAccount(hashed).address)
    expect(toViemAccountSecure(TLS_KEY).address.toLowerCase()).not.toBe(KNOWN_ADDRESS)
    expect(toKeypairSecure(TLS_KEY).publicKey).toEqual(toKeypair(hashed).publicKey)
    for (const name of ['toViemAccountSecure', 'toKeypairSecure']) {
      expect(warn).toHaveBeenCalledWith(
        `${name}: Please don't use \`deriveKey\` method to get key, use \`getKey\` instead.`,
      )
    }
  })

  it.each([toViemAccountSecure, toKeypairSecure])('$name needs sha256', (make) => {
    vi.spyOn(console, 'warn').mockImplementation(() => {})
    vi.spyOn(crypto, 'createHash').mockImplementation(() => {
      throw new Error('Digest method not supported')
    })
    expect(() => make(TLS_KEY)).toThrow(`${make.name}: missing sha256 support, please upgrade your openssl and node.js`)
  })
})

describe('asUint8Array', () => {
  it('gives the DER', () => {
    const der = TLS_KEY.asUint8Array()
    expect(der).toHaveLength(138)
    expect(to_hex(der.subarray(0, 36))).toBe('308187020100301306072a8648ce3d020106082a8648ce3d030107046d306b0201010420')
    expect(to_hex(der.subarray(36, 68))).toBe('082d197907da848f8095f86c3a723bf75a082e97723e000fe3dffbf08b958ea8')
    expect(TLS_KEY.asUint8Array(0)).toEqual(der)
    expect(TLS_KEY.asUint8Array(32)).toEqual(der.subarray(0, 32))
    expect(TLS_KEY.asUint8Array(140)).toEqual(Uint8Array.from([...der, 0, 0]))
  })

  it.each(['0', 'zz', '0x00', '00 11', 'é'])('bad hex %s is refused', (text) => {
    expect(() => fromHex(text)).toThrow('hex')
    expect(() => keyResponse({ key: text, signature_chain: [] })).toThrow('hex')
  })
})
