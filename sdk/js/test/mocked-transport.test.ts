import http from 'http'
import https from 'https'
import net from 'net'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { __version__, send_rpc_request } from '../src/send-rpc-request'

vi.mock('http')
vi.mock('https')
vi.mock('net')

// Programs that mock the transport give no more than this.
type Handlers = Record<string, (value?: unknown) => void>
const request = { write: vi.fn(), end: vi.fn(), on: vi.fn(), destroy: vi.fn() }
const socket = { write: vi.fn(), end: vi.fn(), on: vi.fn(), destroy: vi.fn() }

function handlersOf(emitter: { on: ReturnType<typeof vi.fn> }): Handlers {
  return Object.fromEntries(emitter.on.mock.calls) as Handlers
}

function answering(text: string) {
  return vi.fn((_url: URL, _options: object, callback: (response: object) => void) => {
    const response = { on: vi.fn(), statusCode: 200 }
    callback(response)
    const { data, end } = handlersOf(response)
    data?.(text)
    end?.()
    end?.()
    return request
  })
}

beforeEach(() => {
  vi.clearAllMocks()
})

afterEach(() => {
  vi.unstubAllGlobals()
})

describe('mocked transports', () => {
  it.each([
    ['http://localhost:3000', http],
    ['https://localhost:3000', https],
  ])('%s', async (endpoint, module) => {
    const mocked = answering('{"result":"ok"}')
    vi.mocked(module).request = mocked as never
    const payload = '{"text":"é"}'
    expect(await send_rpc_request(endpoint, '/api/test', payload)).toEqual({ result: 'ok' })
    expect(mocked).toHaveBeenCalledWith(
      new URL('/api/test', endpoint),
      expect.objectContaining({
        method: 'POST',
        headers: {
          'Content-Type': 'application/json',
          'Content-Length': Buffer.byteLength(payload),
          'User-Agent': `dstack-sdk-js/${__version__}`,
        },
      }),
      expect.any(Function),
    )
    expect(request.write).toHaveBeenCalledWith(payload)
    expect(request.end).toHaveBeenCalledWith()
  })

  it('a unix socket', async () => {
    vi.mocked(net).createConnection = vi.fn((_options: object, _callback: () => void) => {
      setTimeout(() => handlersOf(socket).data?.('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}'), 0)
      return socket
    }) as never
    expect(await send_rpc_request('/run/x.sock', '/X', '{"a":"é"}')).toEqual({})
    expect(net.createConnection).toHaveBeenCalledWith({ path: '/run/x.sock' }, expect.any(Function))
    expect(socket.write.mock.calls[0]?.[0]).toMatch(/^POST \/X HTTP\/1\.1\r\nHost: localhost\r\n/)
    expect(socket.write.mock.calls[0]?.[0]).toContain('Content-Length: 10\r\n')
    expect(socket.write.mock.calls[0]?.[0]).toContain('Connection: close\r\n\r\n{"a":"é"}')
    expect(socket.destroy).toHaveBeenCalled()
  })

  it('errors and time-outs', async () => {
    vi.mocked(http).request = vi.fn(() => request) as never
    const failing = send_rpc_request('http://localhost:1', '/X', '{}')
    handlersOf(request).error?.(new Error('connection failed'))
    await expect(failing).rejects.toThrow('connection failed')

    const timer = vi.fn((_callback: () => void, _ms: number) => 1)
    vi.stubGlobal('setTimeout', timer)
    void send_rpc_request('http://localhost:1', '/X', '{}').catch(() => {})
    void send_rpc_request('http://localhost:1', '/X', '{}', 5000).catch(() => {})
    expect(timer.mock.calls.map(([, ms]) => ms)).toEqual([30_000, 5000])

    vi.stubGlobal('setTimeout', (callback: () => void) => callback())
    await expect(send_rpc_request('http://localhost:1', '/X', '{}')).rejects.toThrow('request timed out')
    expect(request.destroy).toHaveBeenCalled()
  })
})
