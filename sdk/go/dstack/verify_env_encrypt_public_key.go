package dstack

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
)

const (
	defaultMaxAgeSeconds     = 300
	defaultFutureSkewSeconds = 60
	envKeyPrefix             = "dstack-env-encrypt-pubkey:"
	appIDSize                = 20
	envKeySize               = 32
)

// VerifyEnvEncryptPublicKeyOptions are the bounds on a signature's time; zero values mean the defaults.
type VerifyEnvEncryptPublicKeyOptions struct {
	MaxAgeSeconds     uint64 // default 300
	FutureSkewSeconds uint64 // default 60
	// ExpectedSigner is the KMS's compressed public key in hex, with or without 0x. Any other signer is then invalid.
	ExpectedSigner string
}

// now is the clock, which tests replace.
var now = time.Now

// VerifyEnvEncryptPublicKey returns who signed an app's encryption key in the legacy form, which has no time and can be
// replayed for ever: 0x and the signer's compressed public key in hex, or nil if the signature, the app id (hex of 20 bytes)
// or the key (32 bytes) is malformed. The error is always nil.
//
// Some signer comes out of every well-formed signature. Compare it with the KMS you trust, or give that as expectedSigner.
func VerifyEnvEncryptPublicKey(publicKey, signature []byte, appID string, expectedSigner ...string) ([]byte, error) {
	if len(expectedSigner) > 1 {
		return nil, nil
	}
	signer := recoverEnvKeySigner(publicKey, signature, appID, nil)
	return checkSigner(signer, strings.Join(expectedSigner, "")), nil
}

// VerifyEnvEncryptPublicKeyLegacy is [VerifyEnvEncryptPublicKey] under the name it has in the SDKs of other languages.
func VerifyEnvEncryptPublicKeyLegacy(publicKey, signature []byte, appID string, expectedSigner ...string) ([]byte, error) {
	return VerifyEnvEncryptPublicKey(publicKey, signature, appID, expectedSigner...)
}

// VerifyEnvEncryptPublicKeyWithTimestamp is like [VerifyEnvEncryptPublicKey] for signatures with a time (the KMS's
// signature_v1 and timestamp). A time out of bounds is an error.
func VerifyEnvEncryptPublicKeyWithTimestamp(publicKey, signature []byte, appID string, timestamp uint64,
	opts *VerifyEnvEncryptPublicKeyOptions) ([]byte, error) {
	if opts == nil {
		opts = &VerifyEnvEncryptPublicKeyOptions{}
	}
	if err := opts.checkTime(timestamp); err != nil {
		return nil, err
	}
	signer := recoverEnvKeySigner(publicKey, signature, appID, binary.BigEndian.AppendUint64(nil, timestamp))
	return checkSigner(signer, opts.ExpectedSigner), nil
}

func (o *VerifyEnvEncryptPublicKeyOptions) checkTime(timestamp uint64) error {
	maxAge, skew := o.MaxAgeSeconds, o.FutureSkewSeconds
	if maxAge == 0 {
		maxAge = defaultMaxAgeSeconds
	}
	if skew == 0 {
		skew = defaultFutureSkewSeconds
	}
	current := uint64(now().Unix())
	if timestamp > current && timestamp-current > skew {
		return fmt.Errorf("timestamp is %d seconds in the future, at most %d are allowed", timestamp-current, skew)
	}
	if timestamp < current && current-timestamp > maxAge {
		return fmt.Errorf("timestamp is %d seconds old, at most %d are allowed", current-timestamp, maxAge)
	}
	return nil
}

func recoverEnvKeySigner(publicKey, signature []byte, appID string, timestamp []byte) *secp256k1.PublicKey {
	app, err := hex.DecodeString(trimHexPrefix(appID))
	if err != nil || len(app) != appIDSize || len(publicKey) != envKeySize {
		return nil
	}
	return recoverSigner(keccak256([]byte(envKeyPrefix), app, timestamp, publicKey), signature)
}

func checkSigner(signer *secp256k1.PublicKey, expected string) []byte {
	if signer == nil {
		return nil
	}
	text := hex.EncodeToString(signer.SerializeCompressed())
	if expected != "" && !strings.EqualFold(trimHexPrefix(expected), text) {
		return nil
	}
	return []byte("0x" + text)
}

// VerifySignatureSimple tells whether the key (SEC1, compressed or not) signed the Keccak-256 of message. The signature has
// 65 bytes, of which the last is ignored.
func VerifySignatureSimple(message, signature, expectedPubKey []byte) bool {
	if len(signature) != recoverableSignatureSize {
		return false
	}
	parsed := parseSignature(signature)
	key, err := secp256k1.ParsePubKey(expectedPubKey)
	return err == nil && parsed != nil && parsed.Verify(keccak256(message), key)
}
