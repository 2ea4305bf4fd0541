package dstack

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
)

// EnvVar is an environment variable of an app.
type EnvVar struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// EncryptEnvVars encrypts the variables to an app's encryption key (hex of 32 bytes, with or without 0x) and returns hex.
//
// Check the key with [VerifyEnvEncryptPublicKeyWithTimestamp] first. Only the app can read the result, but anybody can make
// one: it does not show who encrypted it.
func EncryptEnvVars(envs []EnvVar, publicKeyHex string) (string, error) {
	key, err := hex.DecodeString(trimHexPrefix(publicKeyHex))
	if err != nil {
		return "", fmt.Errorf("failed to decode the public key: %w", err)
	}
	remote, err := ecdh.X25519().NewPublicKey(key)
	if err != nil {
		return "", fmt.Errorf("the public key must be 32 bytes: %w", err)
	}
	ephemeral, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		return "", err
	}
	iv := make([]byte, 12)
	if _, err := rand.Read(iv); err != nil {
		return "", err
	}
	return sealEnvVars(envs, remote, ephemeral, iv)
}

func sealEnvVars(envs []EnvVar, remote *ecdh.PublicKey, ephemeral *ecdh.PrivateKey, iv []byte) (string, error) {
	plaintext, err := envVarsJSON(envs)
	if err != nil {
		return "", err
	}
	shared, err := ephemeral.ECDH(remote) // refuses an all-zero result
	if err != nil {
		return "", err
	}
	block, err := aes.NewCipher(shared)
	if err != nil {
		return "", err
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return "", err
	}
	header := append(ephemeral.PublicKey().Bytes(), iv...)
	return hex.EncodeToString(gcm.Seal(header, iv, plaintext, nil)), nil
}

func envVarsJSON(envs []EnvVar) ([]byte, error) {
	if envs == nil {
		envs = []EnvVar{} // prints [] where nil prints null
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(map[string]any{"env": envs}); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(text.Bytes(), []byte("\n")), nil
}

func trimHexPrefix(text string) string {
	return strings.TrimPrefix(strings.TrimPrefix(text, "0x"), "0X")
}
