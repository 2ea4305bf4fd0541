package dstack

import (
	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"
	"golang.org/x/crypto/sha3"
)

const recoverableSignatureSize = 65 // r || s || v

func keccak256(data ...[]byte) []byte {
	hash := sha3.NewLegacyKeccak256()
	for _, part := range data {
		hash.Write(part)
	}
	return hash.Sum(nil)
}

// recoverSigner returns the key that made a recoverable signature, nil if no key did.
func recoverSigner(digest, signature []byte) *secp256k1.PublicKey {
	if len(signature) != recoverableSignatureSize {
		return nil
	}
	recovery := signature[64]
	if recovery == 27 || recovery == 28 {
		recovery -= 27
	}
	if recovery > 1 {
		return nil
	}
	// The library's compact form begins with 27 + v, plus 4 for a compressed key.
	compact := append([]byte{27 + 4 + recovery}, signature[:64]...)
	key, _, err := ecdsa.RecoverCompact(compact, digest)
	if err != nil {
		return nil
	}
	return key
}

// parseSignature reads r || s, nil unless both are in range.
func parseSignature(raw []byte) *ecdsa.Signature {
	var r, s secp256k1.ModNScalar
	if r.SetByteSlice(raw[:32]) || s.SetByteSlice(raw[32:64]) || r.IsZero() || s.IsZero() {
		return nil
	}
	return ecdsa.NewSignature(&r, &s)
}
