import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { findEndpoint, socketPaths } from '../src/endpoint'
import { DstackClient, TappdClient } from '../src/index'

const SEARCH = { explicit: undefined, variable: 'DSTACK_SIMULATOR_ENDPOINT', label: 'simulator' }

let directory: string
let warn: ReturnType<typeof vi.spyOn>

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'dstack-sdk-'))
  warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
  vi.stubEnv('DSTACK_SIMULATOR_ENDPOINT', undefined)
  vi.stubEnv('TAPPD_SIMULATOR_ENDPOINT', undefined)
})

afterEach(() => {
  vi.unstubAllEnvs()
  vi.restoreAllMocks()
  rmSync(directory, { recursive: true })
})

describe('endpoints', () => {
  it('are searched for, the oldest place first', () => {
    expect(socketPaths('tappd.sock')).toEqual([
      '/var/run/tappd.sock',
      '/run/tappd.sock',
      '/var/run/dstack/tappd.sock',
      '/run/dstack/tappd.sock',
    ])
    const defaults = ['a', 'b', 'c'].map((name) => join(directory, name))
    expect(() => findEndpoint({ ...SEARCH, defaults })).toThrow(`Unix socket file ${defaults[0]} does not exist`)
    for (const name of ['b', 'c']) writeFileSync(join(directory, name), '')
    expect(findEndpoint({ ...SEARCH, defaults })).toBe(defaults[1])
  })

  it('of the environment are told', () => {
    vi.stubEnv('DSTACK_SIMULATOR_ENDPOINT', 'http://dstack')
    vi.stubEnv('TAPPD_SIMULATOR_ENDPOINT', 'http://tappd')
    new DstackClient()
    expect(warn).toHaveBeenCalledWith('Using simulator endpoint: http://dstack')
    new TappdClient()
    expect(warn).toHaveBeenCalledWith('TappdClient is deprecated, please use DstackClient instead')
    expect(warn).toHaveBeenCalledWith('Using tappd endpoint: http://tappd')
    warn.mockClear()
    new DstackClient('http://argument')
    expect(warn).not.toHaveBeenCalled()
  })

  it('of an empty variable count as unset', () => {
    vi.stubEnv('DSTACK_SIMULATOR_ENDPOINT', '')
    const defaults = [join(directory, 'none')]
    expect(() => findEndpoint({ ...SEARCH, defaults })).toThrow('does not exist')
  })

  it('that are absolute paths must exist', () => {
    expect(() => new DstackClient('/non/existent/socket')).toThrow(
      'Unix socket file /non/existent/socket does not exist',
    )
    for (const endpoint of ['http://localhost:8080', 'https://example.com', 'relative.sock']) {
      expect(() => new DstackClient(endpoint)).not.toThrow()
    }
  })
})
