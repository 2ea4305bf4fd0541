import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { DstackClient, DstackError, TappdClient } from '../src/index'
import { __version__ } from '../src/send-rpc-request'
import { StubAgent } from './stub-agent'

const ZEROS = '00'.repeat(32)

let stub: StubAgent
let client: DstackClient

beforeEach(async () => {
  stub = new StubAgent()
  client = new DstackClient(await stub.listen())
  stub.answer('/GetKey', { key: ZEROS, signature_chain: ['aa', 'bb'] })
  stub.answer('/GetTlsKey', { key: 'pem', certificate_chain: ['leaf'] })
  stub.answer('/GetQuote', { quote: '00', event_log: '[]', report_data: '', vm_config: '{}' })
  stub.answer('/EmitEvent', null)
  stub.answer('/Attest', { attestation: '00ff' })
  stub.answer('/Sign', { signature: '01', signature_chain: ['02'], public_key: '03' })
  stub.answer('/Verify', { valid: false })
  stub.answer('/GpuInfo', { attestation: '' })
})

afterEach(async () => {
  vi.restoreAllMocks()
  await stub.close()
})

describe('requests', () => {
  it('carry one content type, a host and who asks', async () => {
    await client.getKey()
    expect(stub.calls[0]?.headers).toMatchObject({
      'content-type': 'application/json',
      host: 'localhost',
      'user-agent': `dstack-sdk-js/${__version__}`,
    })
  })

  it.each([
    [[], { path: '', purpose: '' }],
    [['a/é', 'p'], { path: 'a/é', purpose: 'p' }],
    [['', '', ''], { path: '', purpose: '' }],
    [['', '', 'secp256k1'], { path: '', purpose: '' }],
    [['', '', 'k256'], { path: '', purpose: '', algorithm: 'k256' }],
  ])('getKey %j', async (parameters, body) => {
    const answer = await client.getKey(...parameters)
    expect(stub.calls).toHaveLength(1)
    expect(stub.bodies()).toEqual([body])
    expect(answer).toEqual({
      __name__: 'GetKeyResponse',
      key: new Uint8Array(32),
      signature_chain: [Uint8Array.of(0xaa), Uint8Array.of(0xbb)],
    })
    expect(Object.isFrozen(answer)).toBe(true)
  })

  it('getKey asks for another algorithm only where it is known', async () => {
    await expect(client.getKey('/', '', 'ed25519')).rejects.toThrow(
      'algorithm "ed25519" is not supported: OS version too old (Version RPC unavailable)',
    )
    stub.answer('/Version', { version: '0.5.7', rev: '' })
    await client.getKey('/', '', 'ed25519')
    expect(stub.paths()).toEqual(['/Version', '/Version', '/GetKey'])
    expect(stub.bodies()[2]).toEqual({ path: '/', purpose: '', algorithm: 'ed25519' })
  })

  it.each([
    [200, {}],
    [200, { version: '' }],
    [200, { version: 1 }],
    [200, 'null'],
    [200, 'no json'],
    [200, { error: 'x' }],
    [404, '<html>'],
  ])('what is no version is an old agent: %i %j', async (status, body) => {
    stub.answer('/Version', body, status)
    await expect(client.getKey('', '', 'ed25519')).rejects.toThrow('too old')
    expect(stub.paths()).toEqual(['/Version'])
  })

  it('trouble is not taken for age', async () => {
    stub.answer('/Version', { error: 'busy' }, 503)
    await expect(client.getKey('', '', 'ed25519')).rejects.toThrow('HTTP 503: busy')
    const nobody = new DstackClient('http://127.0.0.1:9')
    await expect(nobody.getKey('', '', 'ed25519')).rejects.toThrow('ECONNREFUSED')
  })

  it('report data is bytes, or text as UTF-8', async () => {
    await client.getQuote('test')
    await client.getQuote(Buffer.from([0, 255]))
    await client.getQuote(Uint8Array.of(1))
    await client.getQuote('')
    await client.attest('é'.repeat(32))
    expect(stub.bodies()).toEqual(
      ['74657374', '00ff', '01', '', 'c3a9'.repeat(32)].map((report_data) => ({ report_data })),
    )
    for (const data of ['x'.repeat(65), Buffer.alloc(65), new Uint8Array(128), 'é'.repeat(33)]) {
      await expect(client.getQuote(data)).rejects.toThrow('64 bytes')
      await expect(client.attest(data)).rejects.toThrow('64 bytes')
    }
    expect(stub.calls).toHaveLength(5)
  })

  it('getQuote keeps what the agent says', async () => {
    const answer = await client.getQuote('x')
    expect(answer).toMatchObject({ quote: '00', event_log: '[]', vm_config: '{}' })
    expect(answer.replayRtmrs()).toEqual(Array(4).fill('00'.repeat(48)))
    expect(Object.keys(answer)).toContain('replayRtmrs')
    expect(Object.isFrozen(answer)).toBe(true)
  })

  it('emitEvent', async () => {
    await client.emitEvent('text', 'é')
    await client.emitEvent('bytes', Uint8Array.of(255))
    await client.emitEvent('empty', '')
    expect(stub.bodies()).toEqual([
      { event: 'text', payload: 'c3a9' },
      { event: 'bytes', payload: 'ff' },
      { event: 'empty', payload: '' },
    ])
    await expect(client.emitEvent('', 'x')).rejects.toThrow('Event name cannot be empty')
  })

  it('getTlsKey', async () => {
    const answer = await client.getTlsKey()
    expect(answer).toMatchObject({ __name__: 'GetTlsKeyResponse', key: 'pem', certificate_chain: ['leaf'] })
    const usages = { usageRaTls: true, usageServerAuth: false, usageClientAuth: true }
    await client.getTlsKey({ path: 'ignored', subject: 's', altNames: ['a', 'b'], ...usages })
    expect(stub.bodies()).toEqual([
      { subject: '', usage_ra_tls: false, usage_server_auth: true, usage_client_auth: false },
      { subject: 's', alt_names: ['a', 'b'], usage_ra_tls: true, usage_server_auth: false, usage_client_auth: true },
    ])
  })

  it('getTlsKey asks for newer options only where they are known', async () => {
    await expect(client.getTlsKey({ notBefore: 1, withAppInfo: false })).rejects.toThrow(
      'TLS key options [notBefore, withAppInfo] are not supported: OS version too old (Version RPC unavailable)',
    )
    stub.answer('/Version', { version: '0.5.7' })
    await client.getTlsKey({ notBefore: 0, notAfter: 2, withAppInfo: true })
    expect(stub.bodies()[2]).toMatchObject({ not_before: 0, not_after: 2, with_app_info: true })
  })

  it('sign and verify', async () => {
    expect(await client.sign('ed25519', 'é')).toEqual({
      __name__: 'SignResponse',
      signature: Uint8Array.of(1),
      signature_chain: [Uint8Array.of(2)],
      public_key: Uint8Array.of(3),
    })
    await client.sign('secp256k1_prehashed', new Uint8Array(32))
    expect(await client.verify('ed25519', 'a', Uint8Array.of(1), '02')).toEqual({
      __name__: 'VerifyResponse',
      valid: false,
    })
    expect(stub.bodies()).toEqual([
      { algorithm: 'ed25519', data: 'c3a9' },
      { algorithm: 'secp256k1_prehashed', data: ZEROS },
      { algorithm: 'ed25519', data: '61', signature: '01', public_key: '3032' },
    ])
    await expect(client.sign('secp256k1_prehashed', 'short')).rejects.toThrow(
      'Pre-hashed signing requires a 32-byte digest, but received 5 bytes',
    )
  })

  it('other answers', async () => {
    stub.answer('/Version', { version: '0.5.7', rev: 'git:1' })
    stub.answer('/Info', { app_id: 'x', tcb_info: '{"mrtd":"y"}' })
    expect(await client.version()).toEqual({ __name__: 'VersionResponse', version: '0.5.7', rev: 'git:1' })
    expect(await client.gpuInfo()).toEqual({ __name__: 'GpuInfoResponse', attestation: '' })
    expect(await client.attest('x')).toEqual({ __name__: 'AttestResponse', attestation: '00ff' })
    expect(await client.info()).toEqual({ app_id: 'x', tcb_info: { mrtd: 'y' } })
  })
})

describe('every refusal is an error', () => {
  const calls: [string, (agent: DstackClient) => Promise<unknown>][] = [
    ['/GetKey', (agent) => agent.getKey()],
    ['/GetTlsKey', (agent) => agent.getTlsKey()],
    ['/GetQuote', (agent) => agent.getQuote('x')],
    ['/Attest', (agent) => agent.attest('x')],
    ['/Info', (agent) => agent.info()],
    ['/EmitEvent', (agent) => agent.emitEvent('e', '')],
    ['/Sign', (agent) => agent.sign('ed25519', '')],
    ['/Verify', (agent) => agent.verify('ed25519', '', '', '')],
    ['/GpuInfo', (agent) => agent.gpuInfo()],
    ['/Version', (agent) => agent.version()],
  ]
  it.each(calls)('%s', async (path, call) => {
    for (const status of [200, 400, 500]) {
      stub.answer(path, { error: 'no such luck' }, status)
      const error = await call(client).catch((reason: unknown) => reason)
      expect(error).toBeInstanceOf(DstackError)
      expect(error).toMatchObject({ method: path, status, error: 'no such luck' })
      expect((error as Error).message).toBe(`${path} failed: HTTP ${status}: no such luck`)
    }
  })

  it('isReachable', async () => {
    expect(await client.isReachable()).toBe(false)
    stub.answer('/Info', { error: 'x' })
    expect(await client.isReachable()).toBe(false)
    stub.answer('/Info', {})
    expect(await client.isReachable()).toBe(true)
    expect(await new DstackClient('http://127.0.0.1:9').isReachable()).toBe(false)
  })

  it('isReachable waits half a second', async () => {
    stub.respond = () => {}
    const start = Date.now()
    expect(await client.isReachable()).toBe(false)
    expect(Date.now() - start).toBeGreaterThanOrEqual(490)
  })
})

describe('deprecated methods', () => {
  it('of DstackClient', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
    await expect(client.deriveKey('/', 'x')).rejects.toThrow('deriveKey is deprecated, please use getKey instead.')
    await expect(client.tdxQuote('x')).rejects.toThrow('tdxQuote only supports raw hash algorithm.')
    await expect(client.tdxQuote('x', 'sha256')).rejects.toThrow('tdxQuote only supports raw hash algorithm.')
    await client.tdxQuote('x', 'raw')
    expect(warn).toHaveBeenCalledWith('tdxQuote is deprecated, please use getQuote instead')
    expect(stub.paths()).toEqual(['/GetQuote'])
  })

  it('of TappdClient', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
    stub.answer('/prpc/Tappd.DeriveKey', { key: '', certificate_chain: [] })
    stub.answer('/prpc/Tappd.TdxQuote', { quote: '', event_log: '[]' })
    stub.answer('/prpc/Tappd.Info', { tcb_info: '{}' })
    const tappd = new TappdClient(stub.socketPath)
    await tappd.deriveKey()
    await tappd.deriveKey('p')
    await tappd.deriveKey('p', 's', ['a'])
    await tappd.tdxQuote('test')
    await tappd.tdxQuote('test', 'raw')
    await tappd.tdxQuote('x'.repeat(65), 'sha256')
    expect(await tappd.isReachable()).toBe(true)
    await expect(tappd.tdxQuote('x'.repeat(65), 'raw')).rejects.toThrow('64 bytes')
    expect(stub.bodies()).toEqual([
      { path: '', subject: '' },
      { path: 'p', subject: 'p' },
      { path: 'p', subject: 's', alt_names: ['a'] },
      { report_data: '74657374' },
      { report_data: `${'00'.repeat(60)}74657374`, hash_algorithm: 'raw' },
      { report_data: '78'.repeat(65), hash_algorithm: 'sha256' },
      {},
    ])
    expect(warn.mock.calls.map(([text]) => text).filter((text, index, all) => all.indexOf(text) === index)).toEqual([
      'TappdClient is deprecated, please use DstackClient instead',
      'deriveKey is deprecated, please use getKey instead',
      'tdxQuote is deprecated, please use getQuote instead',
    ])
  })
})
