import { type BytesLike, to_hex, toBytes } from './bytes'
import { DstackClient, REPORT_DATA_SIZE } from './dstack-client'
import { type EndpointSearch, socketPaths } from './endpoint'
import {
  type GetQuoteResponse,
  type GetTlsKeyResponse,
  quoteResponse,
  type TcbInfoV03x,
  type TdxQuoteHashAlgorithms,
  tlsKeyResponse,
} from './responses'

/** Raw report data fills the field from the right. */
function leftPadded(data: BytesLike): string {
  const bytes = toBytes(data)
  if (bytes.length > REPORT_DATA_SIZE) {
    throw new Error(`report data has ${bytes.length} bytes, at most ${REPORT_DATA_SIZE} bytes fit: hash it first`)
  }
  return to_hex(bytes).padStart(2 * REPORT_DATA_SIZE, '0')
}

/**
 * Calls the legacy socket of agents before OS 0.5.
 *
 * @deprecated Use DstackClient.
 */
export class TappdClient extends DstackClient<TcbInfoV03x> {
  constructor(endpoint?: string) {
    console.warn('TappdClient is deprecated, please use DstackClient instead')
    super(endpoint)
  }

  protected override endpointSearch(): EndpointSearch {
    return { variable: 'TAPPD_SIMULATOR_ENDPOINT', label: 'tappd', defaults: socketPaths('tappd.sock') }
  }

  protected override infoPath(): string {
    return '/prpc/Tappd.Info'
  }

  /** @deprecated Use getKey of DstackClient. */
  override async deriveKey(path?: string, subject?: string, altNames?: string[]): Promise<GetTlsKeyResponse> {
    console.warn('deriveKey is deprecated, please use getKey instead')
    const body = {
      path: path ?? '',
      subject: subject || path || '',
      alt_names: altNames && altNames.length > 0 ? altNames : undefined,
    }
    return tlsKeyResponse(await this.call('/prpc/Tappd.DeriveKey', body))
  }

  /** @deprecated Use getQuote of DstackClient. */
  override async tdxQuote(report_data: BytesLike, hash_algorithm?: TdxQuoteHashAlgorithms): Promise<GetQuoteResponse> {
    console.warn('tdxQuote is deprecated, please use getQuote instead')
    const data = hash_algorithm === 'raw' ? leftPadded(report_data) : to_hex(report_data)
    return quoteResponse(await this.call('/prpc/Tappd.TdxQuote', { report_data: data, hash_algorithm }))
  }
}
