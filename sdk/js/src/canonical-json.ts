const LONE_SURROGATE = /\p{Surrogate}/u
const ESCAPED = /["\\\u0000-\u001f]/g
const SHORT_ESCAPES: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
}

function escapeCharacter(character: string): string {
  return SHORT_ESCAPES[character] ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}

function stringText(text: string): string {
  if (LONE_SURROGATE.test(text)) throw new Error('text with a lone surrogate has no UTF-8 form')
  return `"${text.replace(ESCAPED, escapeCharacter)}"`
}

function bigintText(value: bigint): string {
  if (value > BigInt(Number.MAX_SAFE_INTEGER) || value < -BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new Error('an integer beyond 2^53-1 has no portable form')
  }
  return value.toString()
}

/** The engine compares UTF-16 units, which order characters beyond U+FFFF before some below. */
function byCodePoint(left: string, right: string): number {
  const a = Array.from(left)
  const b = Array.from(right)
  for (let index = 0; index < a.length && index < b.length; index++) {
    const difference = a[index]!.codePointAt(0)! - b[index]!.codePointAt(0)!
    if (difference !== 0) return difference
  }
  return a.length - b.length
}

/** Written member by member: an object with sorted keys would still print integer-like ones first. */
function objectText(value: object): string {
  const members = value as Readonly<Record<string, unknown>>
  const parts = Object.keys(members)
    .filter((key) => members[key] !== undefined)
    .sort(byCodePoint)
    .map((key) => `${stringText(key)}:${canonicalJson(members[key])}`)
  return `{${parts.join(',')}}`
}

/**
 * The text of a JSON value that is the same in every language: members sorted by code point, no spaces, only what must be
 * is escaped. NaN and the infinities become null, undefined members are left out.
 */
export function canonicalJson(value: unknown): string {
  if (value === null || value === undefined) return 'null'
  switch (typeof value) {
    case 'string':
      return stringText(value)
    case 'number':
      return Number.isFinite(value) ? String(value) : 'null'
    case 'boolean':
      return String(value)
    case 'bigint':
      return bigintText(value)
    case 'object':
      if (Array.isArray(value)) return `[${Array.from(value, canonicalJson).join(',')}]`
      if ('toJSON' in value && typeof value.toJSON === 'function') return canonicalJson(value.toJSON())
      return objectText(value)
    default:
      throw new TypeError(`a ${typeof value} has no JSON form`)
  }
}
