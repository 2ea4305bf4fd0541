package dstack

import (
	"context"
	"errors"

	"github.com/Dstack-TEE/dstack/sdk/go/internal/rpc"
)

// QuoteHashAlgorithm says how report data gets into a quote.
type QuoteHashAlgorithm string

const (
	SHA512 QuoteHashAlgorithm = "sha512" // the SHA-512 of the data
	RAW    QuoteHashAlgorithm = "raw"    // the data themselves
)

// DeriveKey always fails.
//
// Deprecated: use [DstackClient.GetKey].
func (c *DstackClient) DeriveKey(path, subject string, altNames []string) (*GetTlsKeyResponse, error) {
	return nil, errors.New("deriveKey is deprecated, please use getKey instead")
}

// TdxQuote returns a quote over raw report data.
//
// Deprecated: use [DstackClient.GetQuote].
func (c *DstackClient) TdxQuote(ctx context.Context, reportData []byte, hashAlgorithm string) (*GetQuoteResponse, error) {
	c.logger.Warn("tdxQuote is deprecated, please use getQuote instead")
	if hashAlgorithm != string(RAW) {
		return nil, errors.New("tdxQuote only supports raw hash algorithm")
	}
	return c.GetQuote(ctx, reportData)
}

// TappdClient calls the legacy service on tappd.sock with DeriveKey and TdxQuote. What it inherits calls methods which that
// service does not have.
//
// Deprecated: use [DstackClient], or package tappd for the whole legacy service.
type TappdClient struct {
	*DstackClient
}

// NewTappdClient returns a client of the legacy service.
//
// Deprecated: use [NewDstackClient].
func NewTappdClient(opts ...DstackClientOption) *TappdClient {
	client := newClient(rpc.Source{
		Variables: []string{"TAPPD_SIMULATOR_ENDPOINT", "DSTACK_SIMULATOR_ENDPOINT"},
		Socket:    "tappd.sock",
		Notice:    "using tappd simulator endpoint",
	}, opts)
	client.logger.Warn("TappdClient is deprecated, please use DstackClient instead")
	return &TappdClient{client}
}

// IsReachable tells whether the service answers Info within half a second.
func (c *TappdClient) IsReachable(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, reachableTimeout)
	defer cancel()
	return c.rpc.Call(ctx, "/prpc/Tappd.Info", struct{}{}, nil) == nil
}

// DeriveKey derives a TLS key from path and has it certified; an empty subject is the path.
//
// Deprecated: use [DstackClient.GetKey].
func (c *TappdClient) DeriveKey(ctx context.Context, path, subject string, altNames []string) (*GetTlsKeyResponse, error) {
	c.logger.Warn("deriveKey is deprecated, please use getKey instead")
	if subject == "" {
		subject = path
	}
	request := map[string]any{"path": path, "subject": subject}
	if len(altNames) > 0 {
		request["alt_names"] = altNames
	}
	response := &GetTlsKeyResponse{}
	if err := c.rpc.Call(ctx, "/prpc/Tappd.DeriveKey", request, response); err != nil {
		return nil, err
	}
	return response, nil
}

// TdxQuote returns a quote over the hash of reportData, or with "raw" over reportData padded with zeros on the left to 64
// bytes.
//
// Deprecated: use [DstackClient.GetQuote].
func (c *TappdClient) TdxQuote(ctx context.Context, reportData []byte, hashAlgorithm string) (*GetQuoteResponse, error) {
	c.logger.Warn("tdxQuote is deprecated, please use getQuote instead")
	if hashAlgorithm == string(RAW) {
		if len(reportData) > maxReportData {
			return nil, errReportDataTooLarge
		}
		reportData = append(make([]byte, maxReportData-len(reportData)), reportData...)
	}
	response := &GetQuoteResponse{}
	request := map[string]any{"report_data": hexBytes(reportData), "hash_algorithm": hashAlgorithm}
	if err := c.rpc.Call(ctx, "/prpc/Tappd.TdxQuote", request, response); err != nil {
		return nil, err
	}
	return response, nil
}
