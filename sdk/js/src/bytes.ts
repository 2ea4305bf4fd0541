/** Bytes given as such, or as text that stands for its UTF-8. */
export type BytesLike = string | Buffer | Uint8Array

const HEX = /^(?:[0-9a-fA-F]{2})*$/
const encoder = new TextEncoder()

/** The UTF-8 of text, or the bytes themselves. */
export function toBytes(data: string | Uint8Array): Uint8Array {
  return typeof data === 'string' ? encoder.encode(data) : data
}

/** Lower-case hex of bytes, or of the UTF-8 of text. */
export function to_hex(data: BytesLike): string {
  return Array.from(toBytes(data), (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** Decodes hex digits without a prefix; throws on anything else, where `Buffer.from` would stop silently. */
export function fromHex(text: string): Uint8Array {
  if (typeof text !== 'string' || !HEX.test(text)) throw new Error('not an even number of hex digits')
  const bytes = new Uint8Array(text.length / 2)
  for (let index = 0; index < bytes.length; index++) {
    bytes[index] = Number.parseInt(text.slice(2 * index, 2 * index + 2), 16)
  }
  return bytes
}

/** Decodes hex digits that may begin with `0x` or `0X`. */
export function fromPrefixedHex(text: string): Uint8Array {
  return fromHex(/^0[xX]/.test(text) ? text.slice(2) : text)
}

export function concat(...parts: Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((size, part) => size + part.length, 0))
  let offset = 0
  for (const part of parts) {
    joined.set(part, offset)
    offset += part.length
  }
  return joined
}
