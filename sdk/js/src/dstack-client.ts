import { type BytesLike, to_hex, toBytes } from './bytes'
import { type EndpointSearch, findEndpoint, socketPaths } from './endpoint'
import {
  type AttestResponse,
  type GetKeyResponse,
  type GetQuoteResponse,
  type GetTlsKeyResponse,
  type GpuInfoResponse,
  type InfoResponse,
  infoResponse,
  keyResponse,
  named,
  quoteResponse,
  type SignResponse,
  signResponse,
  type TcbInfo,
  type TcbInfoV05x,
  type TdxQuoteHashAlgorithms,
  tlsKeyResponse,
  type VerifyResponse,
  type VersionResponse,
} from './responses'
import { DstackError, ParseError } from './rpc-error'
import { send_rpc_request } from './send-rpc-request'

export const REPORT_DATA_SIZE = 64
const DIGEST_SIZE = 32
const REACHABLE_TIMEOUT_MS = 500
const ALGORITHMS_WITHOUT_PROBE: readonly string[] = ['', 'secp256k1', 'k256']

export interface TlsKeyOptions {
  /** Accepted and ignored: every call makes a new key. */
  path?: string
  subject?: string
  altNames?: string[]
  /** Puts a quote into the certificate. */
  usageRaTls?: boolean
  /** True unless said otherwise. */
  usageServerAuth?: boolean
  usageClientAuth?: boolean
  /** Unix seconds. */
  notBefore?: number
  /** Unix seconds. */
  notAfter?: number
  /** Puts app and instance into the certificate. */
  withAppInfo?: boolean
}

type Answer = Parameters<typeof tlsKeyResponse>[0]

function reportData(data: BytesLike): string {
  const bytes = toBytes(data)
  if (bytes.length > REPORT_DATA_SIZE) {
    throw new Error(`report data has ${bytes.length} bytes, at most ${REPORT_DATA_SIZE} bytes fit: hash it first`)
  }
  return to_hex(bytes)
}

/** Tells an agent that does not know a method from one that cannot answer now. */
function isOldAgent(error: unknown): boolean {
  return error instanceof ParseError || (error instanceof DstackError && error.status < 500)
}

/**
 * Calls the guest agent of the VM this program runs in.
 *
 * Without an endpoint, `DSTACK_SIMULATOR_ENDPOINT` is used, else the agent's socket. An endpoint is the path of a unix
 * socket or an http(s) URL. Every method rejects with DstackError when the agent refuses the call.
 */
export class DstackClient<T extends TcbInfo = TcbInfoV05x> {
  protected readonly endpoint: string

  constructor(endpoint?: string) {
    this.endpoint = findEndpoint({ explicit: endpoint, ...this.endpointSearch() })
  }

  protected endpointSearch(): EndpointSearch {
    return { variable: 'DSTACK_SIMULATOR_ENDPOINT', label: 'simulator', defaults: socketPaths('dstack.sock') }
  }

  protected infoPath(): string {
    return '/Info'
  }

  protected call<Result>(path: string, body: object, timeoutMs?: number): Promise<Result> {
    return send_rpc_request<Result>(this.endpoint, path, JSON.stringify(body), timeoutMs)
  }

  /** Rejects unless the agent is new enough to have the Version method. */
  private async requireVersion(what: string): Promise<void> {
    const answer = await this.call<{ version?: unknown } | null>('/Version', {}).catch((error: unknown) => {
      if (isOldAgent(error)) return null
      throw error
    })
    if (typeof answer?.version !== 'string' || answer.version === '') {
      throw new Error(`${what} not supported: OS version too old (Version RPC unavailable)`)
    }
  }

  /**
   * The app's key for a path, the same at every call and on every machine the KMS lets it run on.
   *
   * `purpose` enters only the signature. The same path gives the same 32 bytes for every algorithm (`secp256k1`,
   * `ed25519`): use one path per algorithm. Rejects when an algorithm is asked of an agent that is too old to know any.
   */
  async getKey(path = '', purpose = '', algorithm = 'secp256k1'): Promise<GetKeyResponse> {
    if (!ALGORITHMS_WITHOUT_PROBE.includes(algorithm)) await this.requireVersion(`algorithm "${algorithm}" is`)
    const asked = algorithm === '' || algorithm === 'secp256k1' ? {} : { algorithm }
    return keyResponse(await this.call('/GetKey', { path, purpose, ...asked }))
  }

  /** A new TLS key and its certificates, issued by the app's CA. */
  async getTlsKey(options: TlsKeyOptions = {}): Promise<GetTlsKeyResponse> {
    const { subject = '', altNames = [], usageRaTls = false, usageServerAuth = true, usageClientAuth = false } = options
    const { notBefore, notAfter, withAppInfo } = options
    const newer = Object.entries({ notBefore, notAfter, withAppInfo }).filter(([, value]) => value !== undefined)
    if (newer.length > 0) await this.requireVersion(`TLS key options [${newer.map(([name]) => name).join(', ')}] are`)
    const body = {
      subject,
      usage_ra_tls: usageRaTls,
      usage_server_auth: usageServerAuth,
      usage_client_auth: usageClientAuth,
      alt_names: altNames.length > 0 ? altNames : undefined,
      not_before: notBefore,
      not_after: notAfter,
      with_app_info: withAppInfo,
    }
    return tlsKeyResponse(await this.call<Answer>('/GetTlsKey', body))
  }

  /** A TDX quote over up to 64 bytes, which the agent fills up with zeros. Hash what is longer. */
  async getQuote(report_data: BytesLike): Promise<GetQuoteResponse> {
    return quoteResponse(await this.call('/GetQuote', { report_data: reportData(report_data) }))
  }

  /** A versioned attestation over up to 64 bytes, for any platform. */
  async attest(report_data: BytesLike): Promise<AttestResponse> {
    return named(
      'AttestResponse',
      await this.call<{ attestation: string }>('/Attest', { report_data: reportData(report_data) }),
    )
  }

  /** What runs in this VM and how it was measured. */
  async info(): Promise<InfoResponse<T>> {
    return infoResponse<T>(await this.call(this.infoPath(), {}))
  }

  /** Extends RTMR3 by an event, which later quotes and their logs then show. */
  async emitEvent(event: string, payload: BytesLike): Promise<void> {
    if (!event) throw new Error('Event name cannot be empty')
    await this.call('/EmitEvent', { event, payload: to_hex(payload) })
  }

  /** Signs with the app's signing key: `ed25519`, `secp256k1` (of the SHA-256) or `secp256k1_prehashed`. */
  async sign(algorithm: string, data: BytesLike): Promise<SignResponse> {
    const message = toBytes(data)
    if (algorithm === 'secp256k1_prehashed' && message.length !== DIGEST_SIZE) {
      throw new Error(`Pre-hashed signing requires a ${DIGEST_SIZE}-byte digest, but received ${message.length} bytes`)
    }
    return signResponse(await this.call('/Sign', { algorithm, data: to_hex(message) }))
  }

  /** Whether a signature is valid under a public key, whoever's that is. Strings are text, not hex. */
  async verify(
    algorithm: string,
    data: BytesLike,
    signature: BytesLike,
    publicKey: BytesLike,
  ): Promise<VerifyResponse> {
    const body = { algorithm, data: to_hex(data), signature: to_hex(signature), public_key: to_hex(publicKey) }
    return named('VerifyResponse', await this.call<{ valid: boolean }>('/Verify', body))
  }

  /** The GPU attestation taken at boot. */
  async gpuInfo(): Promise<GpuInfoResponse> {
    return named('GpuInfoResponse', await this.call<{ attestation: string }>('/GpuInfo', {}))
  }

  /** The version of the agent. */
  async version(): Promise<VersionResponse> {
    return named('VersionResponse', await this.call<{ version: string; rev: string }>('/Version', {}))
  }

  /** Whether the agent answers within half a second. */
  async isReachable(): Promise<boolean> {
    return this.call(this.infoPath(), {}, REACHABLE_TIMEOUT_MS).then(
      () => true,
      () => false,
    )
  }

  /** @deprecated Always rejects: use getKey. */
  async deriveKey(_path?: string, _subject?: string, _altNames?: string[]): Promise<GetTlsKeyResponse> {
    throw new Error('deriveKey is deprecated, please use getKey instead.')
  }

  /** @deprecated Use getQuote. */
  async tdxQuote(report_data: BytesLike, hash_algorithm?: TdxQuoteHashAlgorithms): Promise<GetQuoteResponse> {
    console.warn('tdxQuote is deprecated, please use getQuote instead')
    if (hash_algorithm !== 'raw') throw new Error('tdxQuote only supports raw hash algorithm.')
    return this.getQuote(report_data)
  }
}
