import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { __version__ } from '../src/version'

const PACKAGE = JSON.parse(readFileSync('package.json', 'utf8'))
const COMPOSE = '{ runner: "docker-compose", x: null }'
const HASH = 'c6fb131aaf77871c80da1952d67648cdc9274a2fa160b0324c91ef4904a790ad'
const KEY = '298710e105127bf86fb44f5ca549727fff93e7f2a6bde7cc79d01dbf5bc12a06'

const EXPORTS: Record<string, string[]> = {
  '': [
    'DstackClient',
    'DstackError',
    'TappdClient',
    '__version__',
    'canonicalCompose',
    'getComposeHash',
    'to_hex',
    'verifyEnvEncryptPublicKey',
    'verifyEnvEncryptPublicKeyLegacy',
  ],
  '/viem': ['toViemAccount', 'toViemAccountSecure'],
  '/solana': ['toKeypair', 'toKeypairSecure'],
  '/encrypt-env-vars': ['encryptEnvVars'],
  '/get-compose-hash': ['canonicalCompose', 'getComposeHash'],
  '/verify-env-encrypt-public-key': ['verifyEnvEncryptPublicKey', 'verifyEnvEncryptPublicKeyLegacy'],
}

function node(flags: string[], program: string): string {
  return execFileSync(process.execPath, [...flags, '-e', program], { encoding: 'utf8' }).trim()
}

const importing = (path: string, program: string, ...flags: string[]) =>
  node(['--input-type=module', ...flags], `import * as sdk from '@phala/dstack-sdk${path}'; ${program}`)
const requiring = (path: string, program: string, ...flags: string[]) =>
  node(['--input-type=commonjs', ...flags], `const sdk = require('@phala/dstack-sdk${path}'); ${program}`)

describe('the built package', () => {
  it.each(Object.entries(EXPORTS))('"%s" is there for import and require', (path, names) => {
    const list = 'console.log(JSON.stringify(Object.keys(sdk).sort()))'
    expect(JSON.parse(importing(path, list))).toEqual(names)
    expect(JSON.parse(requiring(path, list))).toEqual(names)
  })

  it.each([[[]], [['--conditions=browser']]])('hashes and encrypts with conditions %j', (flags) => {
    const hash = `console.log(sdk.getComposeHash(${COMPOSE}))`
    const encrypt = `sdk.encryptEnvVars([], '${KEY}').then((text) => console.log(text.length))`
    for (const load of [importing, requiring]) {
      expect(load('/get-compose-hash', hash, ...flags)).toBe(HASH)
      expect(load('/encrypt-env-vars', encrypt, ...flags)).toBe(String(2 * (32 + 12 + 10 + 16)))
    }
  })

  it('works with the crypto of browsers', () => {
    const program = `
      import { webCrypto } from './dist/web-crypto.browser.mjs'
      console.log(webCrypto === globalThis.crypto)`
    expect(node(['--input-type=module'], program)).toBe('true')
  })

  it('says one version', () => {
    expect(PACKAGE.version).toBe(__version__)
  })
})
