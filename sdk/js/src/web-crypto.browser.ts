export const webCrypto: Crypto = globalThis.crypto
