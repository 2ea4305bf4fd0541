/** An HTTP/1.1 response, parsed as its bytes arrive on a socket that carries only this one. */

const HEAD_END = Buffer.from('\r\n\r\n')
const LINE_END = Buffer.from('\r\n')
const MAX_HEAD_SIZE = 64 * 1024
const MAX_BODY_SIZE = 64 * 1024 * 1024

export interface HttpResponse {
  status: number
  body: Buffer
}

interface Head {
  status: number
  headers: Map<string, string>
}

function parseHead(text: string): Head {
  const [statusLine = '', ...lines] = text.split('\r\n')
  const status = /^HTTP\/1\.[01] (\d{3})(?: |$)/.exec(statusLine)?.[1]
  if (!status) throw new Error('malformed HTTP response')
  const headers = new Map<string, string>()
  for (const line of lines) {
    const colon = line.indexOf(':')
    if (colon < 1) throw new Error('malformed HTTP response')
    headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim())
  }
  return { status: Number(status), headers }
}

/** The body of a chunked message; null while it is incomplete. */
function decodeChunks(data: Buffer): Buffer | null {
  const chunks: Buffer[] = []
  for (let offset = 0; ; ) {
    const lineEnd = data.indexOf(LINE_END, offset)
    if (lineEnd < 0) return null
    const size = /^([0-9a-fA-F]{1,7})[ \t]*(?:;|$)/.exec(data.toString('latin1', offset, lineEnd))?.[1]
    if (size === undefined) throw new Error('malformed HTTP response')
    const start = lineEnd + LINE_END.length
    const end = start + Number.parseInt(size, 16)
    // Trailers after the last chunk do not matter to an answer.
    if (end === start) return Buffer.concat(chunks)
    if (data.length < end + LINE_END.length) return null
    chunks.push(data.subarray(start, end))
    offset = end + LINE_END.length
  }
}

export class HttpResponseReader {
  #data: Buffer[] = []
  #size = 0
  #head: Head | undefined

  /** Takes bytes; returns the response once it is complete. */
  push(bytes: Buffer): HttpResponse | null {
    this.#data.push(bytes)
    this.#size += bytes.length
    if (this.#size > MAX_HEAD_SIZE + MAX_BODY_SIZE) throw new Error('HTTP response is too large')
    if (!this.#head) this.#readHead()
    return this.#head ? this.#complete(this.#head) : null
  }

  /** The other side closed: returns a response that ends with its connection. */
  end(): HttpResponse | null {
    const headers = this.#head?.headers
    if (!this.#head || headers?.has('content-length') || headers?.has('transfer-encoding')) return null
    return { status: this.#head.status, body: this.#joined() }
  }

  #joined(): Buffer {
    if (this.#data.length > 1) this.#data = [Buffer.concat(this.#data)]
    return this.#data[0] ?? Buffer.alloc(0)
  }

  #readHead(): void {
    const data = this.#joined()
    const end = data.indexOf(HEAD_END)
    if (end < 0 ? data.length > MAX_HEAD_SIZE : end > MAX_HEAD_SIZE) throw new Error('HTTP response head is too large')
    if (end < 0) return
    const head = parseHead(data.toString('latin1', 0, end))
    const rest = data.subarray(end + HEAD_END.length)
    this.#data = [rest]
    this.#size = rest.length
    if (head.status >= 200) this.#head = head
    else this.#readHead() // an interim answer: the real one follows
  }

  #complete({ status, headers }: Head): HttpResponse | null {
    if (headers.get('transfer-encoding')?.toLowerCase() === 'chunked') {
      const body = decodeChunks(this.#joined())
      return body && { status, body }
    }
    const length = headers.get('content-length')
    if (length === undefined) return null
    if (!/^\d{1,9}$/.test(length) || Number(length) > MAX_BODY_SIZE) throw new Error('malformed HTTP response')
    if (this.#size < Number(length)) return null
    return { status, body: this.#joined().subarray(0, Number(length)) }
  }
}
