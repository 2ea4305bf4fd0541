import { fromHex } from './bytes'
import { type EventLog, parseEventLog, replayRtmrs } from './event-log'

export type { EventLog }

export type Hex = `${string}`

export type TdxQuoteHashAlgorithms =
  | 'sha256'
  | 'sha384'
  | 'sha512'
  | 'sha3-256'
  | 'sha3-384'
  | 'sha3-512'
  | 'keccak256'
  | 'keccak384'
  | 'keccak512'
  | 'raw'

/** A TLS key in PKCS#8 PEM and its certificates in PEM, leaf first. */
export interface GetTlsKeyResponse {
  readonly __name__: 'GetTlsKeyResponse'
  readonly key: string
  readonly certificate_chain: string[]
  /**
   * The DER of the key; with a length cut or filled with zeros to it. Its first bytes are the same for every key: do not
   * use them as a secret.
   */
  readonly asUint8Array: (max_length?: number) => Uint8Array
}

/** A key of 32 bytes and the signatures that tie it to the app and the app to the KMS. */
export interface GetKeyResponse {
  readonly __name__: 'GetKeyResponse'
  readonly key: Uint8Array
  readonly signature_chain: Uint8Array[]
}

/** A TDX quote and the event log that explains its registers. */
export interface GetQuoteResponse {
  readonly quote: Hex
  readonly event_log: string
  readonly report_data?: Hex
  readonly vm_config?: string
  /** The versioned attestation, where the quote does not say it all. */
  readonly attestation?: Hex
  /**
   * The four registers the event log leads to. They prove nothing unless they equal those in the quote and the quote was
   * verified.
   */
  readonly replayRtmrs: () => string[]
}

/** The measurements of the VM; registers are null on machines without TDX. */
export interface TcbInfo {
  mrtd: string
  rtmr0: string
  rtmr1: string
  rtmr2: string
  rtmr3: string
  app_compose: string
  event_log: EventLog[]
}

/** What agents of OS 0.3 say on the tappd socket. */
export type TcbInfoV03x = TcbInfo & { rootfs_hash?: string }

/** What agents of OS 0.5 say. */
export type TcbInfoV05x = TcbInfo & {
  mr_aggregated: string
  os_image_hash: string
  compose_hash: string
  device_id: string
}

/** What runs in this VM, and as what instance. */
export interface InfoResponse<VersionTcbInfo extends TcbInfo = TcbInfoV05x> {
  readonly app_id: string
  readonly instance_id: string
  readonly app_cert: string
  readonly tcb_info: VersionTcbInfo
  readonly app_name: string
  readonly device_id: string
  readonly mr_aggregated?: string
  readonly os_image_hash?: string
  readonly key_provider_info: string
  readonly compose_hash: string
  readonly vm_config?: string
  readonly cloud_vendor?: string
  readonly cloud_product?: string
}

/** A versioned attestation. */
export interface AttestResponse {
  readonly __name__: 'AttestResponse'
  readonly attestation: Hex
}

/** The text of the GPU attestation taken at boot; empty without a GPU. */
export interface GpuInfoResponse {
  readonly __name__: 'GpuInfoResponse'
  readonly attestation: string
}

/** A signature, the key that made it, and the chain that ties that key to the app and the KMS. */
export interface SignResponse {
  readonly __name__: 'SignResponse'
  readonly signature: Uint8Array
  readonly signature_chain: Uint8Array[]
  readonly public_key: Uint8Array
}

/** Whether a signature is valid. */
export interface VerifyResponse {
  readonly __name__: 'VerifyResponse'
  readonly valid: boolean
}

/** The version of the agent. */
export interface VersionResponse {
  readonly __name__: 'VersionResponse'
  readonly version: string
  readonly rev: string
}

/** The bytes between the lines of a PEM. */
function decodePem(pem: string): Uint8Array {
  const body = pem.replace(/-----[^-]*-----/g, '').replace(/\s/g, '')
  return new Uint8Array(Buffer.from(body, 'base64'))
}

export function tlsKeyResponse(answer: { key: string; certificate_chain: string[] }): GetTlsKeyResponse {
  const asUint8Array = (max_length?: number) => {
    const der = decodePem(answer.key)
    if (!max_length) return der
    const sized = new Uint8Array(max_length)
    sized.set(der.subarray(0, max_length))
    return sized
  }
  return Object.freeze({ ...answer, asUint8Array, __name__: 'GetTlsKeyResponse' as const })
}

export function keyResponse(answer: { key: string; signature_chain: string[] }): GetKeyResponse {
  return Object.freeze({
    __name__: 'GetKeyResponse' as const,
    key: fromHex(answer.key),
    signature_chain: answer.signature_chain.map(fromHex),
  })
}

export function quoteResponse(answer: Omit<GetQuoteResponse, 'replayRtmrs'>): GetQuoteResponse {
  return Object.freeze({ ...answer, replayRtmrs: () => replayRtmrs(parseEventLog(answer.event_log)) })
}

export function infoResponse<T extends TcbInfo>(answer: { tcb_info: string }): InfoResponse<T> {
  return Object.freeze({ ...answer, tcb_info: JSON.parse(answer.tcb_info) }) as unknown as InfoResponse<T>
}

export function signResponse(answer: {
  signature: string
  signature_chain: string[]
  public_key: string
}): SignResponse {
  return Object.freeze({
    __name__: 'SignResponse' as const,
    signature: fromHex(answer.signature),
    signature_chain: answer.signature_chain.map(fromHex),
    public_key: fromHex(answer.public_key),
  })
}

export function named<Name extends string, T extends object>(name: Name, answer: T): Readonly<T & { __name__: Name }> {
  return Object.freeze({ ...answer, __name__: name })
}
