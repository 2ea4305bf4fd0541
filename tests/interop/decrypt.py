"""Decrypts an env ciphertext as the guest does: decrypt.py APPKEYS CIPHERTEXT prints the variables as JSON."""

import json
import sys

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

PUBLIC_KEY_SIZE, NONCE_SIZE = 32, 12


def main(keys_file, ciphertext):
    with open(keys_file, encoding="utf-8") as file:
        secret = X25519PrivateKey.from_private_bytes(bytes.fromhex(json.load(file)["env_crypt_key"]))
    raw = bytes.fromhex(ciphertext)
    sender, nonce = raw[:PUBLIC_KEY_SIZE], raw[PUBLIC_KEY_SIZE : PUBLIC_KEY_SIZE + NONCE_SIZE]
    shared = secret.exchange(X25519PublicKey.from_public_bytes(sender))
    print(json.dumps(json.loads(AESGCM(shared).decrypt(nonce, raw[PUBLIC_KEY_SIZE + NONCE_SIZE :], None))["env"]))


main(*sys.argv[1:])
