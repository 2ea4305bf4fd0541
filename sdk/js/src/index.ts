export { to_hex } from './bytes'
export { DstackClient, type TlsKeyOptions } from './dstack-client'
export {
  type AppCompose,
  canonicalCompose,
  type DockerConfig,
  getComposeHash,
  type Requirements,
} from './get-compose-hash'
export type {
  AttestResponse,
  EventLog,
  GetKeyResponse,
  GetQuoteResponse,
  GetTlsKeyResponse,
  GpuInfoResponse,
  Hex,
  InfoResponse,
  SignResponse,
  TcbInfo,
  TcbInfoV03x,
  TcbInfoV05x,
  TdxQuoteHashAlgorithms,
  VerifyResponse,
  VersionResponse,
} from './responses'
export { DstackError } from './rpc-error'
export { TappdClient } from './tappd-client'
export {
  type VerifyOptions,
  verifyEnvEncryptPublicKey,
  verifyEnvEncryptPublicKeyLegacy,
} from './verify-env-encrypt-public-key'
export { __version__ } from './version'
