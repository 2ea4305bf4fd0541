package dstack

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

// TlsKeyOption is an option of [DstackClient.GetTlsKey].
type TlsKeyOption func(*tlsKeyRequest)

type tlsKeyRequest struct {
	Subject         string   `json:"subject"`
	AltNames        []string `json:"alt_names,omitempty"`
	UsageRaTls      bool     `json:"usage_ra_tls"`
	UsageServerAuth bool     `json:"usage_server_auth"`
	UsageClientAuth bool     `json:"usage_client_auth"`
	NotBefore       *uint64  `json:"not_before,omitempty"`
	NotAfter        *uint64  `json:"not_after,omitempty"`
	WithAppInfo     *bool    `json:"with_app_info,omitempty"`
}

// WithSubject sets the certificate's common name.
func WithSubject(subject string) TlsKeyOption {
	return func(r *tlsKeyRequest) { r.Subject = subject }
}

// WithAltNames sets the certificate's subject alternative names.
func WithAltNames(altNames []string) TlsKeyOption {
	return func(r *tlsKeyRequest) { r.AltNames = altNames }
}

// WithUsageRaTls asks for a certificate that carries the app's attestation.
func WithUsageRaTls(usage bool) TlsKeyOption {
	return func(r *tlsKeyRequest) { r.UsageRaTls = usage }
}

// WithUsageServerAuth asks for a certificate a TLS server may use. Unlike in the SDKs of other languages it is off unless
// asked for.
func WithUsageServerAuth(usage bool) TlsKeyOption {
	return func(r *tlsKeyRequest) { r.UsageServerAuth = usage }
}

// WithUsageClientAuth asks for a certificate a TLS client may use.
func WithUsageClientAuth(usage bool) TlsKeyOption {
	return func(r *tlsKeyRequest) { r.UsageClientAuth = usage }
}

// WithNotBefore sets the start of the certificate's validity, in Unix seconds. It needs an agent of 0.5.7 or later.
func WithNotBefore(seconds uint64) TlsKeyOption {
	return func(r *tlsKeyRequest) { r.NotBefore = &seconds }
}

// WithNotAfter sets the end of the certificate's validity, in Unix seconds. It needs an agent of 0.5.7 or later.
func WithNotAfter(seconds uint64) TlsKeyOption {
	return func(r *tlsKeyRequest) { r.NotAfter = &seconds }
}

// WithAppInfo asks for a certificate that names the app. It needs an agent of 0.5.7 or later.
func WithAppInfo(enabled bool) TlsKeyOption {
	return func(r *tlsKeyRequest) { r.WithAppInfo = &enabled }
}

// newOptions names the options that agents before 0.5.7 ignore.
func (r *tlsKeyRequest) newOptions() []string {
	var names []string
	if r.NotBefore != nil {
		names = append(names, "not_before")
	}
	if r.NotAfter != nil {
		names = append(names, "not_after")
	}
	if r.WithAppInfo != nil {
		names = append(names, "with_app_info")
	}
	return names
}

// GetTlsKeyResponse is a fresh P-256 key and its certificate.
type GetTlsKeyResponse struct {
	Key              string   `json:"key"`               // PKCS#8 PEM
	CertificateChain []string `json:"certificate_chain"` // PEM, leaf first
}

// AsUint8Array returns the private scalar, cut to maxLength bytes when that is given and positive. It is the raw key, not
// the DER that the function of this name returns in Python and JavaScript.
func (r *GetTlsKeyResponse) AsUint8Array(maxLength ...int) ([]byte, error) {
	block, _ := pem.Decode([]byte(r.Key))
	if block == nil {
		return nil, errors.New("the key is not PEM")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("failed to parse the private key: %w", err)
	}
	var raw []byte
	switch key := parsed.(type) {
	case *ecdsa.PrivateKey:
		raw = key.D.FillBytes(make([]byte, (key.Params().BitSize+7)/8))
	case ed25519.PrivateKey:
		raw = key.Seed()
	default:
		return nil, fmt.Errorf("a private key of type %T has no raw form", parsed)
	}
	if len(maxLength) > 0 && maxLength[0] > 0 && maxLength[0] < len(raw) {
		raw = raw[:maxLength[0]]
	}
	return raw, nil
}

// GetTlsKey makes a new TLS key and has it certified. Every call gives another key; for keys that stay use
// [DstackClient.GetKey].
func (c *DstackClient) GetTlsKey(ctx context.Context, options ...TlsKeyOption) (*GetTlsKeyResponse, error) {
	request := &tlsKeyRequest{}
	for _, option := range options {
		option(request)
	}
	if names := request.newOptions(); len(names) > 0 {
		what := fmt.Sprintf("TLS key options [%s] are", strings.Join(names, ", "))
		if err := c.requireVersion(ctx, what); err != nil {
			return nil, err
		}
	}
	response := &GetTlsKeyResponse{}
	if err := c.rpc.Call(ctx, "/GetTlsKey", request, response); err != nil {
		return nil, err
	}
	return response, nil
}
