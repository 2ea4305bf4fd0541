import { mkdtempSync, rmSync } from 'node:fs'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface Call {
  path: string
  body: unknown
  headers: http.IncomingHttpHeaders
}

/** Answers over a unix socket, or HTTP, what a test tells it to, and keeps what it was asked. */
export class StubAgent {
  readonly calls: Call[] = []
  readonly answers = new Map<string, { status: number; body: string | Buffer }>()
  /** How a response is written; replaced by tests of the transport. */
  respond = (response: http.ServerResponse, status: number, body: string | Buffer): void => {
    response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) })
    response.end(body)
  }
  readonly #directory = mkdtempSync(join(tmpdir(), 'dstack-sdk-'))
  readonly #servers: http.Server[] = []

  readonly socketPath = join(this.#directory, 'agent.sock')

  answer(path: string, body: unknown, status = 200): void {
    this.answers.set(path, {
      status,
      body: typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body),
    })
  }

  paths(): string[] {
    return this.calls.map((call) => call.path)
  }

  bodies(): unknown[] {
    return this.calls.map((call) => call.body)
  }

  async listen(): Promise<string> {
    await this.#start((server, done) => server.listen(this.socketPath, done))
    return this.socketPath
  }

  async listenOverHttp(): Promise<string> {
    const server = await this.#start((started, done) => started.listen(0, '127.0.0.1', done))
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  }

  async close(): Promise<void> {
    for (const server of this.#servers) {
      server.closeAllConnections()
      await new Promise((done) => server.close(done))
    }
    rmSync(this.#directory, { recursive: true })
  }

  async #start(listen: (server: http.Server, done: () => void) => void): Promise<http.Server> {
    const server = http.createServer((request, response) => this.#handle(request, response))
    this.#servers.push(server)
    await new Promise<void>((done) => listen(server, done))
    return server
  }

  #handle(request: http.IncomingMessage, response: http.ServerResponse): void {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const path = request.url ?? ''
      this.calls.push({ path, body: JSON.parse(Buffer.concat(chunks).toString()), headers: request.headers })
      const { status, body } = this.answers.get(path) ?? { status: 400, body: '{\n  "error": "service not found"\n}' }
      this.respond(response, status, body)
    })
  }
}
