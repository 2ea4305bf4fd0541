import { createDecipheriv, createPrivateKey, createPublicKey, diffieHellman, webcrypto } from 'node:crypto'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { encryptEnvVars } from '../src/encrypt-env-vars'

const SECRET = 'ca1a3895d9d613287fc14034d0ec60abb5089896e7c8fd7c2f02bd91fa0076aa'
const PUBLIC = '298710e105127bf86fb44f5ca549727fff93e7f2a6bde7cc79d01dbf5bc12a06'
const VECTOR =
  '1cf579aba45a10ba1d1ef06d91fca2aa9ed0a1150515653155405d0b18cb9a67000102030405060708090a0bb3b0442824225323d917c863c93fbe' +
  '0d9f2e9867b334d69b34c7489b9a87c3f3c53c545fcfc5a1c819277baed0814fba7b8da935159fadf5802dde530881c1beb46bd77eb38de81d0038' +
  '8b02f10e199b9d920d01ed3f0f3cc5bf'

/** With OpenSSL, which the implementation does not use. */
function decrypt(ciphertext: string): unknown {
  const raw = Buffer.from(ciphertext, 'hex')
  const der = (prefix: string, key: string | Buffer) =>
    Buffer.concat([Buffer.from(prefix, 'hex'), typeof key === 'string' ? Buffer.from(key, 'hex') : key])
  const privateKey = createPrivateKey({
    key: der('302e020100300506032b656e04220420', SECRET),
    format: 'der',
    type: 'pkcs8',
  })
  const publicKey = createPublicKey({
    key: der('302a300506032b656e032100', raw.subarray(0, 32)),
    format: 'der',
    type: 'spki',
  })
  const decipher = createDecipheriv('aes-256-gcm', diffieHellman({ privateKey, publicKey }), raw.subarray(32, 44))
  decipher.setAuthTag(raw.subarray(-16))
  return JSON.parse(Buffer.concat([decipher.update(raw.subarray(44, -16)), decipher.final()]).toString('utf8'))
}

afterEach(() => {
  vi.restoreAllMocks()
})

describe('encryptEnvVars', () => {
  it('vector', async () => {
    vi.spyOn(webcrypto, 'getRandomValues').mockImplementation(((bytes: Uint8Array) =>
      bytes.length === 32 ? bytes.fill(0x77) : bytes.map((_, index) => index)) as never)
    const envs = [
      { key: 'FOO', value: 'bar' },
      { key: 'MSG', value: 'Hello 世界' },
    ]
    expect(await encryptEnvVars(envs, PUBLIC)).toBe(VECTOR)
  })

  it.each(['', '0x', '0X'])('round trip with prefix "%s"', async (prefix) => {
    const envs = [
      { key: 'B', value: 'q"\\\n' },
      { key: 'A', value: '' },
      { key: 'B', value: 'twice', extra: 1 },
    ]
    expect(decrypt(await encryptEnvVars(envs, prefix + PUBLIC))).toEqual({
      env: envs.map(({ key, value }) => ({ key, value })),
    })
  })

  it('no variables, and never the same twice', async () => {
    const [first, second] = [await encryptEnvVars([], PUBLIC), await encryptEnvVars([], PUBLIC)]
    expect(decrypt(first)).toEqual({ env: [] })
    expect(first.slice(0, 88)).not.toBe(second.slice(0, 88))
  })

  it.each(['', '00', PUBLIC.slice(2), `${PUBLIC}00`, 'zz'.repeat(32), PUBLIC.slice(1), ` ${PUBLIC}`, '00'.repeat(32)])(
    'refuses the key "%s"',
    async (key) => {
      await expect(encryptEnvVars([{ key: 'A', value: '1' }], key)).rejects.toThrow('bad public key')
    },
  )
})
