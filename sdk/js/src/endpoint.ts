import { existsSync } from 'fs'

const DIRECTORIES = ['/var/run', '/run', '/var/run/dstack', '/run/dstack']

/** The paths at which guests of any version put a socket, the oldest first. */
export function socketPaths(name: string): string[] {
  return DIRECTORIES.map((directory) => `${directory}/${name}`)
}

/** Where to look for an agent when nobody says where it is. */
export interface EndpointSearch {
  variable: string
  /** What to call an endpoint of the environment when telling about it. */
  label: string
  defaults: readonly string[]
}

/** The given endpoint, else the environment's, else the first socket there is. */
export function findEndpoint({
  explicit,
  variable,
  label,
  defaults,
}: EndpointSearch & { explicit: string | undefined }): string {
  let endpoint = explicit
  if (endpoint === undefined && process.env[variable]) {
    endpoint = process.env[variable]
    console.warn(`Using ${label} endpoint: ${endpoint}`)
  }
  endpoint ??= defaults.find((path) => existsSync(path)) ?? defaults[0] ?? ''
  if (endpoint.startsWith('/') && !existsSync(endpoint)) throw new Error(`Unix socket file ${endpoint} does not exist`)
  return endpoint
}
