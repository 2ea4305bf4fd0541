import http from 'http'
import https from 'https'
import net from 'net'
import { type HttpResponse, HttpResponseReader } from './http-response'
import { DstackError, ParseError } from './rpc-error'
import { __version__ } from './version'

export { __version__ }

const DEFAULT_TIMEOUT_MS = 30_000
const MAX_QUOTED_BODY = 200

/** What a transport tells about one request; only the first word counts. */
interface Listener {
  answered(response: HttpResponse): void
  failed(error: Error): void
}

type Cancel = () => void

function headers(payload: string): Record<string, string | number> {
  return {
    'Content-Type': 'application/json',
    'Content-Length': Buffer.byteLength(payload),
    'User-Agent': `dstack-sdk-js/${__version__}`,
  }
}

function isHttp(endpoint: string): boolean {
  return endpoint.startsWith('http://') || endpoint.startsWith('https://')
}

function sendOverHttp(endpoint: string, path: string, payload: string, listener: Listener): Cancel {
  const url = new URL(endpoint.replace(/\/+$/, '') + path)
  const { request } = url.protocol === 'https:' ? https : http
  // An agent of its own: one connection for one call, and none of the environment's proxies.
  const options = { method: 'POST', headers: headers(payload), agent: false as const }
  const outgoing = request(url, options, (incoming) => {
    const chunks: Buffer[] = []
    incoming.on('data', (chunk: Buffer | string) => chunks.push(Buffer.from(chunk as string)))
    incoming.on('end', () => listener.answered({ status: incoming.statusCode ?? 0, body: Buffer.concat(chunks) }))
    incoming.on('error', listener.failed)
  })
  outgoing.on('error', listener.failed)
  outgoing.write(payload)
  outgoing.end()
  return () => outgoing.destroy()
}

function sendOverSocket(endpoint: string, path: string, payload: string, listener: Listener): Cancel {
  const reader = new HttpResponseReader()
  const socket = net.createConnection({ path: endpoint }, () => {})
  socket.on('data', (chunk: Buffer | string) => {
    try {
      const response = reader.push(Buffer.from(chunk as string))
      if (response) listener.answered(response)
    } catch (error) {
      listener.failed(error as Error)
    }
  })
  socket.on('end', () => {
    const response = reader.end()
    if (response) listener.answered(response)
    else listener.failed(new Error('the connection ended before the response did'))
  })
  socket.on('error', listener.failed)
  const lines = Object.entries(headers(payload)).map(([name, value]) => `${name}: ${value}\r\n`)
  socket.write(`POST ${path} HTTP/1.1\r\nHost: localhost\r\n${lines.join('')}Connection: close\r\n\r\n${payload}`)
  return () => socket.destroy()
}

function statedError(answer: unknown): string | undefined {
  const error = typeof answer === 'object' && answer !== null ? (answer as { error?: unknown }).error : undefined
  return typeof error === 'string' ? error : undefined
}

function quoted(text: string): string {
  if (text === '') return 'no reason given'
  return text.length > MAX_QUOTED_BODY ? `${text.slice(0, MAX_QUOTED_BODY)}...` : text
}

function readAnswer(path: string, { status, body }: HttpResponse): unknown {
  const text = body.toString('utf8')
  let answer: unknown
  try {
    answer = JSON.parse(text)
  } catch (cause) {
    if (status === 200) throw new ParseError({ cause })
  }
  const error = statedError(answer)
  if (status !== 200 || error !== undefined) throw new DstackError(path, status, error ?? quoted(text))
  return answer
}

/**
 * Calls a method of the agent: one POST of JSON over a unix socket, or over HTTP when the endpoint is a URL.
 *
 * Rejects with DstackError when the agent refuses, `request timed out`, `failed to parse response`, or the socket's error.
 */
export function send_rpc_request<T = unknown>(
  endpoint: string,
  path: string,
  payload: string,
  timeoutMs: number = DEFAULT_TIMEOUT_MS,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    let settled = false
    let cancel: Cancel | undefined
    let timer: ReturnType<typeof setTimeout> | undefined
    const settle = (finish: () => void) => {
      if (settled) return
      settled = true
      clearTimeout(timer)
      cancel?.()
      finish()
    }
    const failed = (error: Error) => settle(() => reject(error))
    const answered = (response: HttpResponse) =>
      settle(() => {
        try {
          resolve(readAnswer(path, response) as T)
        } catch (error) {
          reject(error)
        }
      })
    timer = setTimeout(() => failed(new Error('request timed out')), timeoutMs)
    try {
      const send = isHttp(endpoint) ? sendOverHttp : sendOverSocket
      cancel = send(endpoint, path, payload, { answered, failed })
    } catch (error) {
      failed(error as Error)
    }
    // Settled before there was anything to cancel.
    if (settled) cancel?.()
  })
}
