import { describe, expect, it } from 'vitest'
import { to_hex } from '../src/bytes'
import { type EventLog, parseEventLog, replayRtmrs } from '../src/event-log'

const RUNTIME = 134217729
const ZEROS = '00'.repeat(48)
const COMPOSE_HASH = 'ea549f02e1a25fabd1cb788380e033ec5461b2ffe4328d753642cf035452e48b'
const KEY_PROVIDER =
  '{"name":"kms","id":"3059301306072a8648ce3d020106082a8648ce3d0301070342000419b2457dd9b8aa6446d980f136fff7812ecd6c77740ee' +
  'b0e28b10d56c0c00028a5b6e59dcea307d583bd1f70769e9c116df2bcfb1758a95d8613e7de1c8482c0"}'

const FIXTURE: [string, string, string][] = [
  [
    'system-preparing',
    '',
    'f9974020ef507068183313d0ca808e0d1ca9b2d1ad0c61f5784e7157c362c06536f5ddacdad4451693f48fcc72fff624',
  ],
  [
    'app-id',
    COMPOSE_HASH.slice(0, 40),
    'b01c7a2e6a406ae9cd5aa81451e4614e112b8f404df12e6ef506962c1a5279a94dc58da0923c4b7db89e26da9e538302',
  ],
  [
    'compose-hash',
    COMPOSE_HASH,
    '9c1fecc259af1e8494484a391bdef460cb74d677c76dd114b1e9e7fac343da4e773b2b0eb8df7a6fc0dd8ba5edbb30e1',
  ],
  [
    'instance-id',
    '59df8036b824b0aac54f8998b9e1fb2a0cfc5d3a',
    'a8dc2d07060d74dfba7b4942411bcf93ae198da42d172860f0c6dcb9207198a2c857a4b0e57bb019d68be072074a2d01',
  ],
  [
    'boot-mr-done',
    '',
    '98bd7e6bd3952720b65027fd494834045d06b4a714bf737a06b874638b3ea00ff402f7f583e3e3b05e921c8570433ac6',
  ],
  [
    'key-provider',
    to_hex(KEY_PROVIDER),
    'cc0ae424f1335f3059359f712f72f0aebee7a01fba2e4d527f3ea9299bac808a3ea1f8ae2982875fb3c9697fd6f4a5f2',
  ],
  [
    'system-ready',
    '',
    '1a76b2a80a0be71eae59f80945d876351a7a3fb8e9fd1ff1cede5734aa84ea11fd72b4edfbb6f04e5a85edd114c751bd',
  ],
]
const FIXTURE_RTMR3 = '6d1a3da994b6611ee602f25f07b41671ece90cd2898689f1ad4448fdf1155e3668736cca4499659caae2d8044070de57'

function event(name: string, payload: string, digest = '', more: Partial<EventLog> = {}): EventLog {
  return { imr: 3, event_type: RUNTIME, digest, event: name, event_payload: payload, ...more }
}

describe('replay', () => {
  it('the simulator’s log of the reference', () => {
    const entries = FIXTURE.map(([name, payload, digest]) => event(name, payload, digest))
    expect(replayRtmrs(entries)).toEqual([ZEROS, ZEROS, ZEROS, FIXTURE_RTMR3])
    expect(replayRtmrs(FIXTURE.map(([name, payload]) => event(name, payload)))[3]).toBe(FIXTURE_RTMR3)
  })

  it.each([
    ...FIXTURE,
    [
      'test-event',
      to_hex('test payload'),
      'abe9f116c7758a01f0436a6ae38edf31cd59e6681ab97fbc8be4d34945c723f4ccbfa112e4ca41bb7feafe124c86adc0',
    ],
    [
      'custom-event',
      'deadbeef',
      '932d89c58e4b06531792f52cae148160c71aed5eef155b3294b2ca88e85b4b9b96753526c082a4cf90fd39ffe6ee2fd9',
    ],
  ])('event %s has the digest of its payload', (name, payload, digest) => {
    expect(replayRtmrs([event(name, payload, digest)])).toEqual(replayRtmrs([event(name, payload)]))
    expect(() => replayRtmrs([event(name, `${payload}00`, digest)])).toThrow('digest')
  })

  it('nothing measured', () => {
    expect(replayRtmrs([])).toEqual([ZEROS, ZEROS, ZEROS, ZEROS])
  })

  it('boot digests are padded, long ones taken whole', () => {
    const boot = (digest: string) => replayRtmrs([{ ...event('', ''), imr: 1, event_type: 4, digest }])[1]
    expect(boot('ab')).toBe(boot(`ab${'00'.repeat(47)}`))
    expect(boot('ab'.repeat(49))).not.toBe(boot('ab'.repeat(48)))
  })

  it('second versions hash canonical JSON', () => {
    const preimage = to_hex('{"name":"a\\"\\u0001é","payload":"00ff","type":134217729}')
    const more = { version: 2, preimage }
    expect(replayRtmrs([event('a"\x01é', '00FF', '', more)])).toEqual(replayRtmrs([event('a"\x01é', '00ff', '', more)]))
  })

  it.each([
    event('app-id', '', '', { version: 3 }),
    event('app-id', '', '', { version: 0 }),
    event('app-id', '', '', { preimage: '00' }),
    event('app-id', 'xx'),
    event('app-id', '0'),
    event('', '', 'xy', { event_type: 4 }),
    event('', '', 'ab cd', { event_type: 4 }),
  ])('untrue entry %#', (entry) => {
    expect(() => replayRtmrs([entry])).toThrow()
  })

  it.each(['', 'no json', '[{]', '{"a":1}', '[1]', '[null]', '[{"imr":3}]'])('malformed log %s', (text) => {
    expect(() => parseEventLog(text)).toThrow()
  })
})
