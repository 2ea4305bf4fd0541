import { sha384 } from '@noble/hashes/sha2'
import { concat, fromHex, to_hex, toBytes } from './bytes'
import { canonicalJson } from './canonical-json'

/** One entry of an event log; byte values are hex. */
export interface EventLog {
  imr: number
  event_type: number
  digest: string
  event: string
  event_payload: string
  version?: number
  preimage?: string
}

const REGISTER_COUNT = 4
const REGISTER_SIZE = 48
const RUNTIME_EVENT_TYPE = 0x08000001
const RUNTIME_EVENT_TAG = Uint8Array.of(0x01, 0x00, 0x00, 0x08)
const COLON = toBytes(':')

function preimage(entry: EventLog): Uint8Array {
  const payload = fromHex(entry.event_payload)
  switch (entry.version ?? 1) {
    case 1:
      return concat(RUNTIME_EVENT_TAG, COLON, toBytes(entry.event), COLON, payload)
    case 2:
      return toBytes(canonicalJson({ name: entry.event, payload: to_hex(payload), type: RUNTIME_EVENT_TYPE }))
    default:
      throw new Error(`event "${entry.event}" has the unknown version ${entry.version}`)
  }
}

/** What an event extends its register by; throws if the entry states something else than its payload gives. */
function digestOf(entry: EventLog): Uint8Array {
  if (entry.event_type !== RUNTIME_EVENT_TYPE) return fromHex(entry.digest)
  const bytes = preimage(entry)
  const digest = sha384(bytes)
  if (entry.digest && entry.digest.toLowerCase() !== to_hex(digest)) {
    throw new Error(`the digest of event "${entry.event}" is not that of its payload`)
  }
  if (entry.preimage && entry.preimage.toLowerCase() !== to_hex(bytes)) {
    throw new Error(`the preimage of event "${entry.event}" is not that of its payload`)
  }
  return digest
}

function extend(register: Uint8Array, digest: Uint8Array): Uint8Array {
  const padding = new Uint8Array(Math.max(0, REGISTER_SIZE - digest.length))
  return sha384(concat(register, digest, padding))
}

function isEntry(value: unknown): value is EventLog {
  const entry = value as Partial<EventLog> | null
  return (
    typeof entry?.imr === 'number' &&
    typeof entry.event_type === 'number' &&
    typeof entry.digest === 'string' &&
    typeof entry.event === 'string' &&
    typeof entry.event_payload === 'string'
  )
}

/** Parses the JSON text of an event log. */
export function parseEventLog(text: string): EventLog[] {
  const entries: unknown = JSON.parse(text)
  if (!Array.isArray(entries) || !entries.every(isEntry)) throw new Error('not an event log')
  return entries
}

/** The four registers an event log leads to, as hex. */
export function replayRtmrs(entries: readonly EventLog[]): string[] {
  return Array.from({ length: REGISTER_COUNT }, (_, index) => {
    const digests = entries.filter((entry) => entry.imr === index).map(digestOf)
    return to_hex(digests.reduce(extend, new Uint8Array(REGISTER_SIZE)))
  })
}
