package dstack

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	recoverable "github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"
)

var errWrongKeyResponse = errors.New("expected a *GetKeyResponse or a *GetTlsKeyResponse")

// EthereumAddress is the 20 bytes of an address. It converts to the address type of go-ethereum.
type EthereumAddress [20]byte

// Hex returns the address with 0x and the checksum capitals of EIP-55.
func (a EthereumAddress) Hex() string {
	text := []byte(hex.EncodeToString(a[:]))
	checksum := keccak256(text)
	for i := range text {
		if nibble := checksum[i/2] >> (4 * (1 - i%2)) & 15; nibble >= 8 && text[i] >= 'a' {
			text[i] -= 'a' - 'A'
		}
	}
	return "0x" + string(text)
}

// String returns the address as [EthereumAddress.Hex] does.
func (a EthereumAddress) String() string { return a.Hex() }

// EthereumAccount is an Ethereum account with its key.
type EthereumAccount struct {
	Address    EthereumAddress
	PrivateKey *ecdsa.PrivateKey // on the curve secp256k1
}

// ToEthereumAccount makes the account whose key is that of a *[GetKeyResponse].
//
// It also takes a *[GetTlsKeyResponse], with a warning on standard error, and uses the raw scalar of its key: not what the
// SDKs of other languages do, and another account at every call of GetTlsKey. Use GetKey.
func ToEthereumAccount(keyResponse any) (*EthereumAccount, error) {
	seed, err := keySeed("ToEthereumAccount", keyResponse, false)
	if err != nil {
		return nil, err
	}
	return newEthereumAccount(seed)
}

// ToEthereumAccountSecure is [ToEthereumAccount], except that of a *[GetTlsKeyResponse] it uses the SHA-256 of the scalar.
func ToEthereumAccountSecure(keyResponse any) (*EthereumAccount, error) {
	seed, err := keySeed("ToEthereumAccountSecure", keyResponse, true)
	if err != nil {
		return nil, err
	}
	return newEthereumAccount(seed)
}

// keySeed returns the 32 bytes an account is made of.
func keySeed(function string, keyResponse any, secure bool) ([]byte, error) {
	switch response := keyResponse.(type) {
	case *GetKeyResponse:
		key, err := response.DecodeKey()
		if err != nil {
			return nil, fmt.Errorf("failed to decode the key: %w", err)
		}
		if len(key) != 32 {
			return nil, fmt.Errorf("expected a key of 32 bytes, got %d", len(key))
		}
		return key, nil
	case *GetTlsKeyResponse:
		fmt.Fprintf(os.Stderr, "%s: Please don't use GetTlsKey method to get key, use GetKey instead.\n", function)
		scalar, err := response.AsUint8Array()
		if err != nil {
			return nil, err
		}
		if secure {
			hash := sha256.Sum256(scalar)
			return hash[:], nil
		}
		if len(scalar) != 32 {
			return nil, fmt.Errorf("expected a key of 32 bytes, got %d", len(scalar))
		}
		return scalar, nil
	}
	return nil, errWrongKeyResponse
}

func newEthereumAccount(seed []byte) (*EthereumAccount, error) {
	var scalar secp256k1.ModNScalar
	if scalar.SetByteSlice(seed) || scalar.IsZero() {
		return nil, errors.New("the key is not a secp256k1 scalar")
	}
	private := secp256k1.NewPrivateKey(&scalar)
	account := &EthereumAccount{PrivateKey: private.ToECDSA()}
	copy(account.Address[:], keccak256(private.PubKey().SerializeUncompressed()[1:])[12:])
	return account, nil
}

// Sign signs a 32-byte hash and returns r || s || v, with v 0 or 1.
func (a *EthereumAccount) Sign(hash []byte) ([]byte, error) {
	if len(hash) != digestSize {
		return nil, fmt.Errorf("expected a hash of 32 bytes, got %d", len(hash))
	}
	private := secp256k1.PrivKeyFromBytes(a.PrivateKey.D.FillBytes(make([]byte, 32)))
	compact := recoverable.SignCompact(private, hash, false) // 27 + v || r || s
	return append(compact[1:], compact[0]-27), nil
}

// PublicKey returns the account's public key.
func (a *EthereumAccount) PublicKey() *ecdsa.PublicKey { return &a.PrivateKey.PublicKey }

// String returns the address, so that a printed account does not show its key.
func (a *EthereumAccount) String() string { return a.Address.Hex() }
