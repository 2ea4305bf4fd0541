package dstack

import (
	"context"
	"encoding/hex"
	"fmt"
)

// GetKeyResponse is a derived key and the signatures that lead from it to the KMS.
type GetKeyResponse struct {
	Key            string   `json:"key"`             // 32 bytes, hex
	SignatureChain []string `json:"signature_chain"` // hex: the app's signature of the key, the KMS's of the app
}

// DecodeKey returns the key's bytes.
func (r *GetKeyResponse) DecodeKey() ([]byte, error) { return hex.DecodeString(r.Key) }

// DecodeSignatureChain returns the signatures' bytes.
func (r *GetKeyResponse) DecodeSignatureChain() ([][]byte, error) {
	return decodeHexList(r.SignatureChain, "signature")
}

// GetKey derives the app's key for path: the same path gives the same key wherever and whenever the app runs.
//
// The key does not depend on purpose, which only enters the signature; nor do its bytes depend on algorithm, which says
// what they are signed as: "secp256k1" (the default, alias "k256") or "ed25519". Use a path of its own for every algorithm.
// Any but the default needs an agent of 0.5.7 or later and is refused with an older one, which would ignore it.
func (c *DstackClient) GetKey(ctx context.Context, path, purpose string, algorithm ...string) (*GetKeyResponse, error) {
	if len(algorithm) > 1 {
		return nil, fmt.Errorf("expected one algorithm, got %d", len(algorithm))
	}
	request := map[string]any{"path": path, "purpose": purpose}
	if len(algorithm) == 1 && algorithm[0] != "" && algorithm[0] != "secp256k1" {
		if err := c.requireAlgorithm(ctx, algorithm[0]); err != nil {
			return nil, err
		}
		request["algorithm"] = algorithm[0]
	}
	response := &GetKeyResponse{}
	if err := c.rpc.Call(ctx, "/GetKey", request, response); err != nil {
		return nil, err
	}
	return response, nil
}

func (c *DstackClient) requireAlgorithm(ctx context.Context, algorithm string) error {
	if algorithm == "k256" {
		return nil
	}
	return c.requireVersion(ctx, fmt.Sprintf("algorithm %q is", algorithm))
}
