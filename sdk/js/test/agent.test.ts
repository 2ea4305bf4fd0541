/** Against a running agent with the simulator's keys. */
import { createHash, createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto'
import { secp256k1 } from '@noble/curves/secp256k1'
import { keccak_256 } from '@noble/hashes/sha3'
import { beforeAll, describe, expect, it, vi } from 'vitest'
import { concat, fromHex, to_hex, toBytes } from '../src/bytes'
import { DstackClient, type TappdClient as Tappd, TappdClient, type TdxQuoteHashAlgorithms } from '../src/index'

const APP_ID = 'ea549f02e1a25fabd1cb788380e033ec5461b2ff'
const APP_KEY = '02b85cceca0c02d878f0ebcda72a97469a472416eb6faf3c4807642132f9786810'
const KMS_KEY = '02cad3a8bb11c5c0858fb3e402048b5137457039d577986daade678ed4b4ab1b9b'
const KMS_SIGNATURE =
  '2f431c7956869a4fe3e028c5f9518a935e2d01e81a3628f8b1d178fc2fac7b6d2405ace433624e5568e23c4ed291dbaf60dac79b756837c0fe745154' +
  'ebfdc0a601'

const KEYS = [
  [
    '',
    '',
    '38309afef2058aef6aee6ef7baca26942986ee387836a0dbdb5791f4f5a8142c',
    '9f3f2ca85e1ac9ef4acb716658a66d8b0b0926f8445121638356596b865b40af5db2b2fa02f143f6a0f0e31c799ea5ed93bcb284572b18c816ff4a' +
      '1f4ecb744b00',
  ],
  [
    '/',
    'test',
    '082d197907da848f8095f86c3a723bf75a082e97723e000fe3dffbf08b958ea8',
    'f9c2004974b741bd7b7c926ea6a8e071bf06ecf921c5bd55826f35874cf2fea602c11b5eba8128293f4aa0911bd817bda3428c67929dc761f4f206' +
      '8809ada46901',
  ],
  [
    'test/wallet',
    'ethereum',
    '6244639c307e3d12a313dc49dbe310d4e0b833b15c346749ea96a4b9226e33b9',
    'aff4341afe0547ef79f6d44ccb4a45e1cb2b4c872043e30230ba6c94eb96e29f0f41c40636d95e959a3ec0e301731be38c9de416aa55a03e7f03d4' +
      '40dcfa236501',
  ],
  [
    'test/signing',
    'solana',
    '6f01d732740cf8cad20aaa706904913c6d973cf4914e8f758ecd4ef46106ec4f',
    'd428fc0829f9f1dbac550a58064adf4c65eeecae778fe1240fae366ae77a4268467f9f405ea1e1103991b463fd99e0fa5dd7f256254268e055995f' +
      '9043f7e8b701',
  ],
  [
    '/test/path',
    'test-purpose',
    '50e62363110ce0c1ec0546671fd06c6b8a2c71a2af6467d34ac56d57170c9581',
    '5ddfe43b56ff5dcaf4ce97ac1cf1f0cf38dc13d1f973fc0d3920068fde42c499320deba46037279c390444de88609ace95e931898a45480184dbd2' +
      'f9a9fde8b101',
  ],
] as const

function recover(message: Uint8Array, signature: Uint8Array): string {
  const parsed = secp256k1.Signature.fromCompact(signature.slice(0, 64)).addRecoveryBit(signature[64] as number)
  return parsed.recoverPublicKey(keccak_256(message)).toHex(true)
}

function registers(quote: string): string[] {
  return [376, 424, 472, 520].map((offset) => quote.slice(2 * offset, 2 * (offset + 48)))
}

describe.skipIf(!process.env.DSTACK_SIMULATOR_ENDPOINT)('an agent on dstack.sock', () => {
  let client: DstackClient

  beforeAll(() => {
    vi.spyOn(console, 'warn').mockImplementation(() => {})
    client = new DstackClient()
  })

  it.each(KEYS)('getKey("%s", "%s")', async (path, purpose, key, signature) => {
    const answer = await client.getKey(path, purpose)
    expect(to_hex(answer.key)).toBe(key)
    expect(answer.signature_chain.map(to_hex)).toEqual([signature, KMS_SIGNATURE])
    expect(await client.getKey(path, purpose, 'k256')).toEqual(answer)
  })

  it('signature chain', async () => {
    const answer = await client.getKey('/test/path', 'test-purpose')
    const publicKey = to_hex(secp256k1.getPublicKey(answer.key))
    expect(publicKey).toBe('039aa5e9849930bb46f72bc6a06bf569546cf116795da0a679b98ff54627285fac')
    const [first, second] = answer.signature_chain as [Uint8Array, Uint8Array]
    expect(recover(toBytes(`test-purpose:${publicKey}`), first)).toBe(APP_KEY)
    const { app_id } = await client.info()
    expect(app_id).toBe(APP_ID)
    expect(recover(concat(toBytes('dstack-kms-issued:'), fromHex(app_id), fromHex(APP_KEY)), second)).toBe(KMS_KEY)
  })

  it('ed25519 key', async () => {
    const answer = await client.getKey('/', 'test', 'ed25519')
    const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), answer.key])
    const publicKey = createPublicKey(createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }))
    expect(publicKey.export({ format: 'der', type: 'spki' }).subarray(-32).toString('hex')).toBe(
      '80a95a07d5d895a79ed1a73c93af7ba635083ea5e2378b0ffa956e9147f923f8',
    )
    expect(to_hex(answer.signature_chain[0] as Uint8Array)).toBe(
      'e21e071be10136235a25cbca3ecae3ae27fc4dd6136a30640cdd6b04b008d506071443b5be6e39c73927661780dc693d305cb5cefce625db0a73ab' +
        '275f42e05e01',
    )
  })

  it.each(['rsa', 'secp256k1_prehashed', 'ED25519'])('refuses algorithm %s', async (algorithm) => {
    await expect(client.getKey('/', '', algorithm)).rejects.toThrow('algorithm')
  })

  it('quote', async () => {
    const answer = await client.getQuote('test')
    expect(answer.quote.slice(2 * 568, 2 * 632)).toBe('74657374'.padEnd(128, '0'))
    expect(answer.report_data).toBe('74657374'.padEnd(128, '0'))
    expect(answer.replayRtmrs()).toEqual(registers(answer.quote))
  })

  it('an event extends the register', async () => {
    await client.emitEvent('test-event', 'test payload')
    const answer = await client.getQuote('after')
    expect(JSON.parse(answer.event_log).at(-1)).toMatchObject({
      imr: 3,
      event: 'test-event',
      event_payload: to_hex('test payload'),
      digest: 'abe9f116c7758a01f0436a6ae38edf31cd59e6681ab97fbc8be4d34945c723f4ccbfa112e4ca41bb7feafe124c86adc0',
    })
    expect(answer.replayRtmrs()).toEqual(registers(answer.quote))
  })

  it('info', async () => {
    const info = await client.info()
    expect(info.app_name).toBe('kvin-nb')
    expect(info.tcb_info.mrtd).toHaveLength(96)
    expect(info.tcb_info.device_id).toBe(info.device_id)
    expect(createHash('sha256').update(info.tcb_info.app_compose).digest('hex')).toBe(info.compose_hash)
    expect(info.tcb_info.event_log.length).toBeGreaterThan(0)
    expect(await client.isReachable()).toBe(true)
  })

  it('TLS key', async () => {
    const answer = await client.getTlsKey({ subject: 'app.example', altNames: ['app.example', 'www.example'] })
    const leaf = new X509Certificate(answer.certificate_chain[0] as string)
    expect(leaf.subject).toBe('CN=app.example')
    expect(leaf.subjectAltName).toBe('DNS:app.example, DNS:www.example')
    expect(leaf.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1'])
    expect(leaf.checkPrivateKey(createPrivateKey(answer.key))).toBe(true)
    expect(answer.certificate_chain).toHaveLength(2)
    expect((await client.getTlsKey()).key).not.toBe(answer.key)
  })

  it('TLS key options', async () => {
    const answer = await client.getTlsKey({ notBefore: 1_700_000_000, notAfter: 1_800_000_000, withAppInfo: true })
    const leaf = new X509Certificate(answer.certificate_chain[0] as string)
    expect(Date.parse(leaf.validFrom) / 1000).toBe(1_700_000_000)
    expect(Date.parse(leaf.validTo) / 1000).toBe(1_800_000_000)
  })

  it.each(['ed25519', 'secp256k1', 'k256', 'secp256k1_prehashed'])('sign and verify with %s', async (algorithm) => {
    const [data, other] = ['message', 'other'].map((text) => createHash('sha256').update(text).digest()) as [
      Buffer,
      Buffer,
    ]
    const { signature, public_key, signature_chain } = await client.sign(algorithm, data)
    expect(signature_chain).toHaveLength(3)
    expect((await client.verify(algorithm, data, signature, public_key)).valid).toBe(true)
    expect((await client.verify(algorithm, other, signature, public_key)).valid).toBe(false)
    await expect(client.verify(algorithm, data, signature.slice(1), public_key)).rejects.toThrow('HTTP 400')
  })

  it('attest, version and GPU', async () => {
    expect((await client.attest('test')).attestation).not.toBe('')
    expect((await client.version()).version).not.toBe('')
    expect((await client.gpuInfo()).attestation).toBe('')
  })
})

describe.skipIf(!process.env.TAPPD_SIMULATOR_ENDPOINT)('an agent on tappd.sock', () => {
  let tappd: Tappd

  beforeAll(() => {
    vi.spyOn(console, 'warn').mockImplementation(() => {})
    tappd = new TappdClient()
  })

  it('key', async () => {
    const answer = await tappd.deriveKey('/')
    expect(to_hex(answer.asUint8Array().subarray(36, 68))).toBe(KEYS[1][2])
    expect((await tappd.info()).app_id).toBe(APP_ID)
    expect(await tappd.isReachable()).toBe(true)
  })

  it.each<[TdxQuoteHashAlgorithms | undefined, string]>([
    ['sha256', 'a5d2ef1e94583bef4a02b29278af41b662d239beb36937a993108841b6b3c1fc'],
    ['sha384', '520c310d0fa18bedd24891ad191a9b785befe672f518d1c1a5b8d4b6cfb4f233815b825aaaa5466334fe6e2fd3f2c6a4'],
    [
      'sha512',
      '1864e059be7e1ec12d9fe9da903d3711e0d72edab19f044cc9d6ac90c32b996b545a9979309bd19c36b803941e8e3485115e9b794001f2b9f3' +
        '67f6e03c52e532',
    ],
    ['sha3-256', '893acdd0162e33594df56553bea2079b99d7d562284f9eb7fd9458e2add81fe8'],
    ['sha3-384', '47b4d35de7240cf179ac5fde22464fa3a076e5142ba0f629b400602b5f2bfe7f01a1bf2d63ef5abbff50a381d7031be3'],
    [
      'sha3-512',
      '4ffccda90bf80d7dd814350ebd438f5b3b77aab1d387b27967778597794cc696311f5cd0f50697b796f621ee5c78784e5d847953f3f1120c48' +
        '519ce6e4648b4c',
    ],
    ['keccak256', 'b877945563d5025eec520b6bb150efcf4c368c491ff1947529be3125d4e5ecb6'],
    ['keccak384', 'a551aba3b52b345ceeaba78660e95318fd404f947efa8ce16134a9d7dd370248c7a8cf4711dce74e8c4feb01abb45ea9'],
    [
      'keccak512',
      '6dd564fe70580e2476e2ecb78ba5f994b83f8178064257bba498dcab267c5c75135c6b8f268d93415ac8662db5104abccd51d30c0500da684a' +
        '7550ae3f3b71c7',
    ],
    ['raw', `${'00'.repeat(60)}74657374`],
    [
      undefined,
      '1864e059be7e1ec12d9fe9da903d3711e0d72edab19f044cc9d6ac90c32b996b545a9979309bd19c36b803941e8e3485115e9b794001f2b9f3' +
        '67f6e03c52e532',
    ],
  ])('quote with %s', async (algorithm, reportData) => {
    const answer = await tappd.tdxQuote('test', algorithm)
    expect(answer.quote.slice(2 * 568, 2 * 632)).toBe(reportData.padEnd(128, '0'))
    expect(answer.replayRtmrs()).toEqual(registers(answer.quote))
  })
})
