import { sha256 } from '@noble/hashes/sha2'
import { to_hex, toBytes } from './bytes'
import { canonicalJson } from './canonical-json'

export type SortableValue = string | number | boolean | null | undefined | SortableObject | SortableArray
export interface SortableObject {
  [key: string]: SortableValue
}
export interface SortableArray extends Array<SortableValue> {}

export type KeyProviderKind = 'none' | 'kms' | 'local' | 'tpm'

/** Credentials of a container registry. */
export interface DockerConfig extends SortableObject {
  registry?: string
  username?: string
  token_key?: string
}

/** What the app asks of the machine. */
export interface Requirements extends SortableObject {
  os_version?: string
  platforms?: string[]
  tdx_measure_acpi_tables?: boolean
  launch_token_hash?: string
}

/** An app-compose object; members that are not listed here count as well. */
export interface AppCompose extends SortableObject {
  runner: string
  manifest_version?: number | string
  name?: string
  features?: string[]
  docker_compose_file?: string
  docker_config?: DockerConfig
  public_logs?: boolean
  public_sysinfo?: boolean
  public_tcbinfo?: boolean
  kms_enabled?: boolean
  gateway_enabled?: boolean
  tproxy_enabled?: boolean
  local_key_provider_enabled?: boolean
  key_provider?: KeyProviderKind
  key_provider_id?: string
  allowed_envs?: string[]
  no_instance_id?: boolean
  secure_time?: boolean
  bash_script?: string
  pre_launch_script?: string
  snapshotter?: string
  requirements?: Requirements
}

const COMPOSE_RUNNERS: readonly unknown[] = ['docker-compose', 'nerdctl-compose']
const EMPTY_SCRIPTS: readonly unknown[] = ['', null, false, 0]

function normalized(compose: object): object {
  // Without a prototype, so that a member named __proto__ is one like any other.
  const copy: Record<string, unknown> = Object.assign(Object.create(null), compose)
  if (copy.runner === 'bash') delete copy.docker_compose_file
  else if (COMPOSE_RUNNERS.includes(copy.runner)) delete copy.bash_script
  if (EMPTY_SCRIPTS.includes(copy.pre_launch_script)) delete copy.pre_launch_script
  return copy
}

/** The text whose SHA-256 `getComposeHash` gives: deploy exactly this to get that hash. */
export function canonicalCompose(app_compose: AppCompose, normalize = false): string {
  return canonicalJson(normalize ? normalized(app_compose) : app_compose)
}

/**
 * The lower-case hex SHA-256 of the canonical text of an app-compose object, in Node.js and browsers.
 *
 * The guest measures the bytes of the deployed file: it gets this hash only when they are exactly the canonical text. With
 * `normalize`, members that do not matter to the runner, and an empty pre-launch script, are left out.
 */
export function getComposeHash(app_compose: AppCompose, normalize = false): string {
  return to_hex(sha256(toBytes(canonicalCompose(app_compose, normalize))))
}
