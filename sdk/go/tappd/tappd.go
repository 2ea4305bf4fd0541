// Package tappd is the client of dstack's legacy service on tappd.sock. New apps use package dstack.
//
// A client finds the service at the endpoint given with [WithEndpoint], else in the environment variables
// TAPPD_SIMULATOR_ENDPOINT or DSTACK_SIMULATOR_ENDPOINT, else at /var/run/tappd.sock.
package tappd

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/Dstack-TEE/dstack/sdk/go/internal/rpc"
	"github.com/Dstack-TEE/dstack/sdk/go/internal/rtmr"
)

const (
	maxReportData    = 64
	reachableTimeout = 500 * time.Millisecond
	constantDERBytes = 36 // of a P-256 key in PKCS#8, before its secret scalar
)

// INIT_MR is a measurement register before any event, in hex.
const INIT_MR = rtmr.Init

// RPCError is the service's answer to a call that failed.
type RPCError = rpc.Error

// QuoteHashAlgorithm says how report data gets into a quote.
type QuoteHashAlgorithm string

const (
	SHA256    QuoteHashAlgorithm = "sha256"
	SHA384    QuoteHashAlgorithm = "sha384"
	SHA512    QuoteHashAlgorithm = "sha512"
	SHA3_256  QuoteHashAlgorithm = "sha3-256"
	SHA3_384  QuoteHashAlgorithm = "sha3-384"
	SHA3_512  QuoteHashAlgorithm = "sha3-512"
	KECCAK256 QuoteHashAlgorithm = "keccak256"
	KECCAK384 QuoteHashAlgorithm = "keccak384"
	KECCAK512 QuoteHashAlgorithm = "keccak512"
	RAW       QuoteHashAlgorithm = "raw" // the data themselves
)

// TappdClient calls the legacy service. It is safe for concurrent use.
type TappdClient struct {
	endpoint string
	logger   *slog.Logger
	rpc      *rpc.Client
}

// TappdClientOption configures a [TappdClient].
type TappdClientOption func(*TappdClient)

// WithEndpoint sets the service's http or https URL, or the path of its unix socket.
func WithEndpoint(endpoint string) TappdClientOption {
	return func(c *TappdClient) { c.endpoint = endpoint }
}

// WithLogger sets the logger for notices, by default [slog.Default].
func WithLogger(logger *slog.Logger) TappdClientOption {
	return func(c *TappdClient) { c.logger = logger }
}

// NewTappdClient returns a client. It does no I/O.
func NewTappdClient(opts ...TappdClientOption) *TappdClient {
	client := &TappdClient{logger: slog.Default()}
	for _, opt := range opts {
		opt(client)
	}
	source := rpc.Source{
		Variables: []string{"TAPPD_SIMULATOR_ENDPOINT", "DSTACK_SIMULATOR_ENDPOINT"},
		Socket:    "tappd.sock",
		Notice:    "using tappd simulator endpoint",
	}
	client.endpoint = source.Resolve(client.endpoint, client.logger)
	client.rpc = rpc.NewClient(client.endpoint)
	return client
}

// IsReachable tells whether the service answers Info within half a second.
func (c *TappdClient) IsReachable(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, reachableTimeout)
	defer cancel()
	return c.rpc.Call(ctx, "/prpc/Tappd.Info", struct{}{}, nil) == nil
}

// DeriveKeyResponse is a derived P-256 key and its certificate.
type DeriveKeyResponse struct {
	Key              string   `json:"key"`               // PKCS#8 PEM
	CertificateChain []string `json:"certificate_chain"` // PEM, leaf first
}

// ToBytes returns the DER of the key, cut to maxLength unless that is negative.
//
// Never use the result as a key: it begins with 36 bytes that are the same for every key, so ToBytes(32) is known to
// everybody. A warning is logged when that is all there is. Take the key from package dstack's GetKey.
func (r *DeriveKeyResponse) ToBytes(maxLength int) ([]byte, error) {
	block, _ := pem.Decode([]byte(r.Key))
	if block == nil {
		return nil, errors.New("the key is not PEM")
	}
	if maxLength < 0 || maxLength >= len(block.Bytes) {
		return block.Bytes, nil
	}
	if maxLength > 0 && maxLength <= constantDERBytes {
		slog.Warn("the start of a DER key is the same for every key and no secret: use GetKey of package dstack instead of ToBytes")
	}
	return block.Bytes[:maxLength], nil
}

// DeriveKey derives the app's TLS key for path and has it certified with path as the subject.
func (c *TappdClient) DeriveKey(ctx context.Context, path string) (*DeriveKeyResponse, error) {
	return c.DeriveKeyWithSubjectAndAltNames(ctx, path, path, nil)
}

// DeriveKeyWithSubject is [TappdClient.DeriveKey] with another subject.
func (c *TappdClient) DeriveKeyWithSubject(ctx context.Context, path, subject string) (*DeriveKeyResponse, error) {
	return c.DeriveKeyWithSubjectAndAltNames(ctx, path, subject, nil)
}

// DeriveKeyWithSubjectAndAltNames is [TappdClient.DeriveKey] with another subject, unless that is empty, and with subject
// alternative names.
func (c *TappdClient) DeriveKeyWithSubjectAndAltNames(ctx context.Context, path, subject string, altNames []string) (*DeriveKeyResponse, error) {
	if subject == "" {
		subject = path
	}
	request := map[string]any{"path": path, "subject": subject}
	if len(altNames) > 0 {
		request["alt_names"] = altNames
	}
	response := &DeriveKeyResponse{}
	if err := c.rpc.Call(ctx, "/prpc/Tappd.DeriveKey", request, response); err != nil {
		return nil, err
	}
	return response, nil
}

// TdxQuoteResponse is a TDX quote and the event log that explains its registers.
type TdxQuoteResponse struct {
	Quote    string `json:"quote"`     // hex
	EventLog string `json:"event_log"` // JSON text of a list of EventLog
}

// EventLog is an entry of an event log.
type EventLog struct {
	IMR          int    `json:"imr"`
	EventType    int    `json:"event_type"`
	Digest       string `json:"digest"`
	Event        string `json:"event"`
	EventPayload string `json:"event_payload"`
}

// ReplayRTMRs computes the four registers, in hex, that the event log leads to. The result proves nothing unless it equals
// the registers of a quote whose signature was verified.
func (r *TdxQuoteResponse) ReplayRTMRs() (map[int]string, error) { return rtmr.Replay(r.EventLog) }

// TdxQuote returns a quote over the SHA-512 of "app-data:" and reportData.
func (c *TappdClient) TdxQuote(ctx context.Context, reportData []byte) (*TdxQuoteResponse, error) {
	return c.TdxQuoteWithHashAlgorithm(ctx, reportData, SHA512)
}

// TdxQuoteWithHashAlgorithm returns a quote over a hash of "app-data:" and reportData, or with RAW over reportData itself,
// which then has at most 64 bytes and is padded with zeros on the left.
func (c *TappdClient) TdxQuoteWithHashAlgorithm(ctx context.Context, reportData []byte, hashAlgorithm QuoteHashAlgorithm) (*TdxQuoteResponse, error) {
	if hashAlgorithm == RAW {
		if len(reportData) > maxReportData {
			return nil, errors.New("report data is too large, it must be at most 64 bytes when the hash algorithm is raw")
		}
		reportData = append(make([]byte, maxReportData-len(reportData)), reportData...)
	}
	request := map[string]any{"report_data": hex.EncodeToString(reportData), "hash_algorithm": hashAlgorithm}
	response := &TdxQuoteResponse{}
	if err := c.rpc.Call(ctx, "/prpc/Tappd.TdxQuote", request, response); err != nil {
		return nil, err
	}
	return response, nil
}

// TcbInfo holds the measurements, in hex, with what explains them.
type TcbInfo struct {
	Mrtd     string     `json:"mrtd"`
	Rtmr0    string     `json:"rtmr0"`
	Rtmr1    string     `json:"rtmr1"`
	Rtmr2    string     `json:"rtmr2"`
	Rtmr3    string     `json:"rtmr3"`
	EventLog []EventLog `json:"event_log"`
}

// TappdInfoResponse tells what the app is and what it runs on.
type TappdInfoResponse struct {
	AppID      string  `json:"app_id"`      // hex
	InstanceID string  `json:"instance_id"` // hex
	AppCert    string  `json:"app_cert"`    // PEM chain
	TcbInfo    TcbInfo `json:"tcb_info"`
	AppName    string  `json:"app_name"`
}

// Info returns what the app is and what it runs on. Nothing in it is proven: that takes a quote.
func (c *TappdClient) Info(ctx context.Context) (*TappdInfoResponse, error) {
	var answer struct {
		TappdInfoResponse
		TcbInfo string `json:"tcb_info"`
	}
	if err := c.rpc.Call(ctx, "/prpc/Tappd.Info", struct{}{}, &answer); err != nil {
		return nil, err
	}
	response := answer.TappdInfoResponse
	if err := json.Unmarshal([]byte(answer.TcbInfo), &response.TcbInfo); err != nil {
		return nil, fmt.Errorf("failed to parse tcb_info: %w", err)
	}
	return &response, nil
}
