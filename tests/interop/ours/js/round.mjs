// One round with a JavaScript SDK, ours or the published one: prints what README.md lists as JSON.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

// The packages are in the work folder, not beside this file.
const require = createRequire(`${process.argv[2]}/`)
const { DstackClient, TappdClient, getComposeHash, verifyEnvEncryptPublicKey, ...more } = require('@phala/dstack-sdk')
const { toViemAccount } = require('@phala/dstack-sdk/viem')
const { toKeypair } = require('@phala/dstack-sdk/solana')
const { encryptEnvVars } = require('@phala/dstack-sdk/encrypt-env-vars')
const version = JSON.parse(readFileSync(`${process.argv[2]}/node_modules/@phala/dstack-sdk/package.json`)).version

console.warn = () => {}

const inputs = JSON.parse(readFileSync(process.env.INTEROP_INPUTS, 'utf8'))
const client = new DstackClient()
const hex = (bytes) => Buffer.from(bytes).toString('hex')
const bytesAt = (quote, start, end) => quote.slice(2 * start, 2 * end)
const registers = (quote) => [376, 424, 472, 520].map((offset) => bytesAt(quote, offset, offset + 48))

async function fails(call) {
  try {
    await call()
    return false
  } catch {
    return true
  }
}

async function info() {
  const answer = await client.info()
  const names =
    'app_id instance_id app_name device_id mr_aggregated os_image_hash compose_hash key_provider_info vm_config'.split(' ')
  const tcbNames = ['mrtd', 'rtmr0', 'rtmr1', 'rtmr2', 'rtmr3', 'app_compose']
  return Object.fromEntries([
    ...names.map((name) => [`info.${name}`, answer[name]]),
    ...tcbNames.map((name) => [`info.${name}`, answer.tcb_info[name]]),
  ])
}

async function keys() {
  const wallet = await client.getKey('test/wallet', 'ethereum')
  const signing = await client.getKey('test/signing', 'solana')
  const ed25519 = client.sign ? await client.getKey('/', 'test', 'ed25519') : null
  return {
    'key.default': hex((await client.getKey('', '')).key),
    'key.wallet': hex(wallet.key),
    'key.wallet.chain': wallet.signature_chain.map(hex),
    'key.signing': hex(signing.key),
    'key.signing.chain': signing.signature_chain.map(hex),
    'key.alice': hex((await client.getKey('user/alice', 'mainnet')).key),
    'key.ed25519': ed25519 && hex(ed25519.key),
    'key.ed25519.chain': ed25519 && ed25519.signature_chain.map(hex),
    'ethereum.address': toViemAccount(await client.getKey('eth/test', 'wallet')).address.toLowerCase(),
    'solana.public_key': hex(toKeypair(await client.getKey('sol/test', 'wallet')).publicKey.toBytes()),
  }
}

async function tls() {
  const options = { subject: 'interop.example', altNames: ['a.interop.example', 'b.interop.example'] }
  const first = await client.getTlsKey(options)
  const second = await client.getTlsKey(options)
  return {
    'tls.pem': first.key.startsWith('-----BEGIN PRIVATE KEY-----'),
    'tls.chain_length': first.certificate_chain.length,
    'tls.fresh': first.key !== second.key,
  }
}

async function quote() {
  const answer = await client.getQuote('interop')
  return {
    'quote.report_data': bytesAt(answer.quote, 568, 632),
    'quote.rtmrs': registers(answer.quote),
    'quote.replayed': answer.replayRtmrs(),
    'quote.events': JSON.parse(answer.event_log).map(({ event }) => event),
    'quote.vm_config': answer.vm_config,
    'quote.refuses_65': await fails(() => client.getQuote(Buffer.alloc(65))),
  }
}

async function event() {
  await client.emitEvent('test-event', 'test payload')
  const answer = await client.getQuote('interop')
  const last = JSON.parse(answer.event_log).at(-1)
  const replayed = answer.replayRtmrs()[3]
  return {
    'event.last': { event: last.event, event_payload: last.event_payload, digest: last.digest },
    'event.replayed': replayed,
    'event.matches': replayed === registers(answer.quote)[3],
    'event.refuses_empty': await fails(() => client.emitEvent('', 'x')),
  }
}

async function sign() {
  if (!client.sign) {
    const names = ['ed25519', 'ed25519.public_key', 'secp256k1', 'secp256k1.public_key', 'verified', 'verified_other']
    return Object.fromEntries(names.map((name) => [`sign.${name}`, null]))
  }
  const ed25519 = await client.sign('ed25519', 'test message')
  const secp256k1 = await client.sign('secp256k1', 'test message')
  const { signature, public_key } = ed25519
  return {
    'sign.ed25519': hex(signature),
    'sign.ed25519.public_key': hex(public_key),
    'sign.secp256k1': hex(secp256k1.signature),
    'sign.secp256k1.public_key': hex(secp256k1.public_key),
    'sign.verified': (await client.verify('ed25519', 'test message', signature, public_key)).valid,
    'sign.verified_other': (await client.verify('ed25519', 'other message', signature, public_key)).valid,
  }
}

async function newer() {
  return {
    'version.version': client.version ? (await client.version()).version : null,
    'attest.length_over_0': client.attest ? (await client.attest('interop')).attestation.length > 0 : null,
    gpu_info: client.gpuInfo ? (await client.gpuInfo()).attestation : null,
    'error.names_cause': client.sign
      ? await client.getKey('', '', 'no-such-algorithm').then(
          () => false,
          (error) => error.message.includes('algorithm'),
        )
      : null,
  }
}

async function tappd() {
  const legacy = new TappdClient()
  const raw = Buffer.from(Array.from({ length: 64 }, (_, index) => index))
  return {
    'tappd.scalar': hex((await legacy.deriveKey('/')).asUint8Array().slice(36, 68)),
    'tappd.raw_report_data': bytesAt((await legacy.tdxQuote(raw, 'raw')).quote, 568, 632),
    'tappd.sha256_report_data': bytesAt((await legacy.tdxQuote('test', 'sha256')).quote, 568, 632),
    'tappd.app_id': await legacy.info().then(
      ({ app_id }) => app_id,
      () => null,
    ),
  }
}

function compose() {
  return Object.fromEntries(
    inputs.compose.map((entry) => [`compose.${entry.name}`, getComposeHash(entry.compose, entry.normalize)]),
  )
}

async function env() {
  const verify = more.verifyEnvEncryptPublicKeyLegacy ?? verifyEnvEncryptPublicKey
  const { public_key, signature, app_id } = inputs.env_signer
  const key = Buffer.from(public_key, 'hex')
  return {
    'env.encrypted': await encryptEnvVars(inputs.env.variables, inputs.env.public_key),
    'env.signer': verify(key, Buffer.from(signature, 'hex'), app_id),
    'env.signer_invalid': verify(key, new Uint8Array(65), app_id) === null,
  }
}

const values = { sdk: `@phala/dstack-sdk ${version}` }
for (const part of [info, keys, tls, quote, event, sign, newer, tappd, compose, env]) Object.assign(values, await part())
process.stdout.write(JSON.stringify(values))
