import { createServer, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { HttpResponseReader } from '../src/http-response'
import { send_rpc_request } from '../src/send-rpc-request'
import { StubAgent } from './stub-agent'

let stub: StubAgent

beforeEach(() => {
  stub = new StubAgent()
})

afterEach(() => stub.close())

/** A server that writes exactly these bytes, in these pieces, to whoever asks. */
async function writing(pieces: string[], test: (endpoint: string) => Promise<void>): Promise<void> {
  const server = createServer((socket: Socket) => {
    socket.on('error', () => {})
    socket.once('data', async () => {
      for (const piece of pieces) {
        socket.write(piece)
        await new Promise((done) => setTimeout(done, 5))
      }
      socket.end()
    })
  })
  await new Promise<void>((done) => server.listen(stub.socketPath, done))
  try {
    await test(stub.socketPath)
  } finally {
    await new Promise((done) => server.close(done))
  }
}

describe.each(['unix socket', 'HTTP'])('over %s', (kind) => {
  const listen = () => (kind === 'HTTP' ? stub.listenOverHttp() : stub.listen())

  it('bytes are counted, not characters', async () => {
    const endpoint = await listen()
    stub.answer('/Echo', { text: 'zurück 你好 🚀' })
    expect(await send_rpc_request(endpoint, '/Echo', JSON.stringify({ text: 'é世🚀' }))).toEqual({
      text: 'zurück 你好 🚀',
    })
    expect(stub.bodies()).toEqual([{ text: 'é世🚀' }])
  })

  it('chunked and large answers are read whole', async () => {
    const endpoint = await listen()
    const text = '世'.repeat(300_000)
    stub.respond = (response, status, body) => {
      response.writeHead(status)
      for (let offset = 0; offset < body.length; offset += 65_537) {
        response.write(Buffer.from(body as string).subarray(offset * 3, (offset + 65_537) * 3))
      }
      response.end()
    }
    stub.answer('/Large', text, 400)
    await expect(send_rpc_request(endpoint, '/Large', '{}')).rejects.toThrow(
      /^\/Large failed: HTTP 400: 世{200}\.\.\.$/,
    )
    stub.respond = (response, _status, body) => {
      response.write('{"text":"')
      response.write(body)
      response.end('"}')
    }
    expect(await send_rpc_request(endpoint, '/Large', '{}')).toEqual({ text })
  })

  it.each([
    [404, '<html>', 'HTTP 404: <html>'],
    [400, '', 'HTTP 400: no reason given'],
    [404, '{"error":{"code":404}}', 'HTTP 404: {"error":{"code":404}}'],
    [200, '{"error":"x"}', 'HTTP 200: x'],
    [204, '', 'HTTP 204'],
    [200, '{"key":', 'failed to parse response'],
    [200, '', 'failed to parse response'],
  ])('status %i with body %j', async (status, body, text) => {
    const endpoint = await listen()
    stub.answer('/X', body, status)
    await expect(send_rpc_request(endpoint, '/X', '{}')).rejects.toThrow(text)
  })

  it('errors that are no strings do not count where the status is 200', async () => {
    const endpoint = await listen()
    stub.answer('/X', { error: null, valid: true })
    expect(await send_rpc_request(endpoint, '/X', '{}')).toEqual({ error: null, valid: true })
  })

  it('silence ends with a time-out', async () => {
    const endpoint = await listen()
    stub.respond = () => {}
    await expect(send_rpc_request(endpoint, '/X', '{}', 30)).rejects.toThrow('request timed out')
  })

  it('nobody listening is an error', async () => {
    const endpoint = kind === 'HTTP' ? 'http://127.0.0.1:9' : `${stub.socketPath}.none`
    await expect(send_rpc_request(endpoint, '/X', '{}')).rejects.toThrow(/ECONNREFUSED|ENOENT/)
  })
})

describe('HTTP endpoints', () => {
  it('keep their path', async () => {
    const endpoint = await stub.listenOverHttp()
    stub.answer('/base/X', 1)
    expect(await send_rpc_request(`${endpoint}/base/`, '/X', '{}')).toBe(1)
  })
})

describe('socket answers', () => {
  const head = 'HTTP/1.1 200 OK\r\n'

  it.each<[string, string[]]>([
    ['in one piece', [`${head}Content-Length: 4\r\n\r\nnull`]],
    ['byte by byte', [...`${head}content-length:4\r\n\r\nnull`]],
    ['chunked', [`${head}Transfer-Encoding: chunked\r\n\r\n2\r\nnu\r\n`, '2;x=y\r\nll\r\n0\r\n\r\n']],
    ['until the end', [`${head}\r\nnu`, 'll']],
    ['after an interim one', ['HTTP/1.1 100 Continue\r\n\r\n', `${head}Content-Length: 4\r\n\r\nnull`]],
    ['of HTTP/1.0', ['HTTP/1.0 200\r\nContent-Length: 4\r\n\r\nnull']],
  ])('%s', async (_, pieces) => {
    await writing(pieces, async (endpoint) => {
      expect(await send_rpc_request(endpoint, '/X', '{}')).toBeNull()
    })
  })

  it.each<[string, string[]]>([
    ['cut head', [`${head}Content-Le`]],
    ['cut body', [`${head}Content-Length: 5\r\n\r\nnull`]],
    ['cut chunks', [`${head}Transfer-Encoding: chunked\r\n\r\n2\r\nnu\r\n`]],
    ['nothing', ['']],
    ['no HTTP', ['SSH-2.0\r\n\r\n']],
    ['no header', [`${head}nonsense\r\n\r\n`]],
    ['bad length', [`${head}Content-Length: -1\r\n\r\nnull`]],
    ['huge length', [`${head}Content-Length: 999999999\r\n\r\nnull`]],
    ['bad chunk', [`${head}Transfer-Encoding: chunked\r\n\r\nzz\r\n`]],
    ['endless head', [`${head}x: ${'y'.repeat(70_000)}`]],
  ])('%s is an error', async (_, pieces) => {
    await writing(pieces, async (endpoint) => {
      await expect(send_rpc_request(endpoint, '/X', '{}', 2000)).rejects.toThrow(/connection ended|HTTP response/)
    })
  })

  it('without bound are refused', () => {
    const reader = new HttpResponseReader()
    reader.push(Buffer.from(`${head}\r\n`))
    const piece = Buffer.alloc(16 * 1024 * 1024)
    expect(() => {
      for (let count = 0; count < 8; count++) reader.push(piece)
    }).toThrow('too large')
  })
})
