package dstack

import (
	"crypto/ed25519"
	"encoding/hex"
)

// SolanaKeypair is a Solana key pair.
type SolanaKeypair struct {
	PublicKey  ed25519.PublicKey
	PrivateKey ed25519.PrivateKey
}

// ToSolanaKeypair makes the pair whose seed is the key of a *[GetKeyResponse]. A *[GetTlsKeyResponse] is taken as by
// [ToEthereumAccount].
func ToSolanaKeypair(keyResponse any) (*SolanaKeypair, error) {
	return newSolanaKeypair("ToSolanaKeypair", keyResponse, false)
}

// ToSolanaKeypairSecure is [ToSolanaKeypair], except that of a *[GetTlsKeyResponse] it uses the SHA-256 of the scalar.
func ToSolanaKeypairSecure(keyResponse any) (*SolanaKeypair, error) {
	return newSolanaKeypair("ToSolanaKeypairSecure", keyResponse, true)
}

func newSolanaKeypair(function string, keyResponse any, secure bool) (*SolanaKeypair, error) {
	seed, err := keySeed(function, keyResponse, secure)
	if err != nil {
		return nil, err
	}
	private := ed25519.NewKeyFromSeed(seed)
	return &SolanaKeypair{private.Public().(ed25519.PublicKey), private}, nil
}

// Sign signs a message.
func (k *SolanaKeypair) Sign(message []byte) []byte { return ed25519.Sign(k.PrivateKey, message) }

// Verify tells whether signature is this pair's, of message.
func (k *SolanaKeypair) Verify(message, signature []byte) bool {
	return ed25519.Verify(k.PublicKey, message, signature)
}

// PublicKeyString returns the public key in hex; Solana's own tools print it in base58.
func (k *SolanaKeypair) PublicKeyString() string { return hex.EncodeToString(k.PublicKey) }

// Bytes returns the 64 bytes of the private key: the seed and the public key.
func (k *SolanaKeypair) Bytes() []byte { return k.PrivateKey }
