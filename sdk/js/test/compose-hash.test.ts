import { describe, expect, it } from 'vitest'
import { canonicalJson } from '../src/canonical-json'
import { type AppCompose, canonicalCompose, getComposeHash } from '../src/get-compose-hash'

const D = { runner: 'bash', bash_script: 'start.sh', docker_compose_file: 'docker-compose.yml' }
const E = { runner: 'docker-compose', docker_compose_file: 'docker-compose.yml', pre_launch_script: '' }

const VECTORS: [string, object, boolean, string][] = [
  [
    'A',
    {
      manifest_version: 1,
      name: 'test-app',
      runner: 'docker-compose',
      docker_compose_file: 'services:\\n  app:\\n    image: test\\n    ports:\\n      - 8080:8080',
    },
    false,
    '988a2e3448a69facce5c9a9a91f9335f485bb0a996ddd06897a388a1340fafdd',
  ],
  [
    'B',
    {
      manifest_version: 1,
      name: 'another-app',
      runner: 'docker-compose',
      docker_compose_file: 'services:\\n  web:\\n    build: .\\n    environment:\\n      - NODE_ENV=production',
    },
    false,
    'bb05251a8326f16fea9635efd05b9c019533570a5e1549a5da2a33fbf315b438',
  ],
  [
    'C',
    {
      runner: 'docker-compose',
      docker_compose_file: 'docker-compose.yml',
      text: '你好世界',
      id: 'c73a3a4e-ce71-4c12-a1b7-78be1a2e48e0',
      b_number: 123,
      a_status: true,
      z_items: [3, 1, 2],
      nested: { gamma: 3.14, alpha: 'first' },
    },
    false,
    '0705386656362891629ac994406f4e31ba5c805b9638538df415c56768a504f4',
  ],
  ['D', D, false, '0449d0ea1c093c6e14efd1e55a36ebd0bc52d268b27af425f30055c35c7c0303'],
  ["D'", D, true, '75a6f53f70c26c8f7b545f48c2f5ef2f76c27d13f7034be1021cf25f5d9853d2'],
  ['E', E, false, '62b1427a78326534139e8107dcbab24a0cf74aed970e73401517311ec3265953'],
  ["E'", E, true, '6148eabae40413a5c15aeab33343e7a219edc0cda2c2556add9a96ec76d61b11'],
  [
    'F',
    { runner: 'docker-compose', docker_compose_file: 'a && b < c > d \u2028 / " \\ \t\u007f🚀' },
    false,
    'e2f999a28c92cef38ca4c2ae2d2ea61cbc6765df37f6320a04261fde56b37647',
  ],
  [
    'G',
    { runner: 'docker-compose', x: null },
    false,
    'c6fb131aaf77871c80da1952d67648cdc9274a2fa160b0324c91ef4904a790ad',
  ],
  [
    'H',
    { runner: 'docker-compose', f: 1.0, g: 1e21, h: 1e-7, n: -0.0 },
    false,
    '80e4198905a18d403fb87f2ad3c517c4d94643ba38ee3fb0a426ee1528392536',
  ],
  [
    'I',
    { runner: 'docker-compose', m: { '10': 1, '9': 2, a: 3 } },
    false,
    '8e766e7a53782b6ec14fde2ad6cf2abb7bbcd9b39b24d8ebe9590a4e9cdb2e92',
  ],
  ['J', {}, false, '44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a'],
]

describe('compose hash', () => {
  it.each(VECTORS)('vector %s', (_, compose, normalize, hash) => {
    expect(getComposeHash(compose as AppCompose, normalize)).toBe(hash)
  })

  it.each(['', null, false, 0])('normalizing drops the script %j', (script) => {
    const compose = { runner: 'nerdctl-compose', pre_launch_script: script, bash_script: 'x', y: 1 }
    expect(getComposeHash(compose as unknown as AppCompose, true)).toBe(
      getComposeHash({ runner: 'nerdctl-compose', y: 1 }),
    )
  })

  it('is that of the canonical text', () => {
    expect(canonicalCompose(D as AppCompose, true)).toBe('{"bash_script":"start.sh","runner":"bash"}')
    expect(canonicalCompose(D)).toBe(
      '{"bash_script":"start.sh","docker_compose_file":"docker-compose.yml","runner":"bash"}',
    )
  })

  it('leaves its input alone', () => {
    const compose = Object.freeze({ ...D, pre_launch_script: '', nested: Object.freeze({ b: 1, a: 2 }) })
    expect(getComposeHash(compose, true)).toBe(getComposeHash(compose, true))
    expect(Object.keys(compose)).toContain('docker_compose_file')
  })

  it('keeps a member named __proto__', () => {
    const compose = JSON.parse('{"runner":"bash","__proto__":{"x":1}}') as AppCompose
    const text = '{"__proto__":{"x":1},"runner":"bash"}'
    expect(canonicalJson(compose)).toBe(text)
    expect(getComposeHash(compose, true)).toBe(getComposeHash(compose))
  })
})

describe('canonical JSON', () => {
  it.each([
    [0.1, '0.1'],
    [1e-6, '0.000001'],
    [-1.25e-9, '-1.25e-9'],
    [1e20, '100000000000000000000'],
    [Number.MAX_SAFE_INTEGER, '9007199254740991'],
    [Number.NaN, 'null'],
    [Number.POSITIVE_INFINITY, 'null'],
    [9007199254740991n, '9007199254740991'],
  ])('number %s', (value, text) => {
    expect(canonicalJson(value)).toBe(text)
  })

  it('escapes only what JSON requires', () => {
    expect(canonicalJson('"\\\b\f\n\r\t\0\x1f/<>&\x7f\u2028\u2029é🚀')).toBe(
      '"\\"\\\\\\b\\f\\n\\r\\t\\u0000\\u001f/<>&\x7f\u2028\u2029é🚀"',
    )
  })

  it('sorts by code point at every depth', () => {
    expect(canonicalJson({ '🚀': 1, '\uffff': 2, b: [{ d: 1, c: 2 }], ab: 1, a: 2, B: null })).toBe(
      '{"B":null,"a":2,"ab":1,"b":[{"c":2,"d":1}],"\uffff":2,"🚀":1}',
    )
  })

  it('leaves out what is undefined', () => {
    expect(canonicalJson({ a: undefined, b: [undefined, 1] })).toBe('{"b":[null,1]}')
    // biome-ignore lint/suspicious/noSparseArray: a hole is what is tested
    expect(canonicalJson([, 1])).toBe('[null,1]')
    expect(canonicalJson({ at: new Date(0) })).toBe('{"at":"1970-01-01T00:00:00.000Z"}')
  })

  it.each([['\ud800'], [{ '\udfff': 1 }], [2n ** 53n], [-(2n ** 53n)], [() => 1], [Symbol('x')]])(
    'refuses what other languages cannot hold',
    (value) => {
      expect(() => canonicalJson(value)).toThrow()
    },
  )
})
