package dstack

import (
	"context"
	"fmt"
)

const digestSize = 32

// SignResponse is a signature of the app.
type SignResponse struct {
	Signature      []byte
	SignatureChain [][]byte // the signature, the app's of the signing key, the KMS's of the app
	PublicKey      []byte
}

// VerifyResponse is the outcome of a verification.
type VerifyResponse struct {
	Valid bool `json:"valid"`
}

// Sign signs data with a key of the app that is kept for this. algorithm is "ed25519", "secp256k1" (of the data's SHA-256;
// alias "k256") or "secp256k1_prehashed", for which data must be a 32-byte digest.
func (c *DstackClient) Sign(ctx context.Context, algorithm string, data []byte) (*SignResponse, error) {
	if algorithm == "secp256k1_prehashed" && len(data) != digestSize {
		return nil, fmt.Errorf("pre-hashed signing requires a 32-byte digest, but received %d bytes", len(data))
	}
	var response struct {
		Signature      hexBytes `json:"signature"`
		SignatureChain []string `json:"signature_chain"`
		PublicKey      hexBytes `json:"public_key"`
	}
	request := map[string]any{"algorithm": algorithm, "data": hexBytes(data)}
	if err := c.rpc.Call(ctx, "/Sign", request, &response); err != nil {
		return nil, err
	}
	chain, err := decodeHexList(response.SignatureChain, "signature")
	if err != nil {
		return nil, err
	}
	return &SignResponse{response.Signature, chain, response.PublicKey}, nil
}

// Verify has the agent check a signature with the key given, which proves nothing about whose key that is.
func (c *DstackClient) Verify(ctx context.Context, algorithm string, data, signature, publicKey []byte) (*VerifyResponse, error) {
	request := map[string]any{
		"algorithm": algorithm, "data": hexBytes(data), "signature": hexBytes(signature), "public_key": hexBytes(publicKey),
	}
	response := &VerifyResponse{}
	if err := c.rpc.Call(ctx, "/Verify", request, response); err != nil {
		return nil, err
	}
	return response, nil
}
