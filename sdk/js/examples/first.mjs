// Ask the agent who this app is, for a key that is the app's alone, and for a quote that proves both.
import { createHash } from 'node:crypto'
import { DstackClient } from '@phala/dstack-sdk'

const client = new DstackClient()

const info = await client.info()
console.log('app:', info.app_name, info.app_id)

const key = await client.getKey('wallets/main', 'ethereum')
console.log('key: the same', key.key.length, 'bytes at every start')

const statement = createHash('sha256').update('what I want to have signed by the hardware').digest()
const quote = await client.getQuote(statement)
console.log('quote:', quote.quote.length / 2, 'bytes')
console.log('RTMR3:', quote.replayRtmrs()[3])
