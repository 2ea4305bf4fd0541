package dstack

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/Dstack-TEE/dstack/sdk/go/internal/rtmr"
)

const maxReportData = 64

var errReportDataTooLarge = errors.New("report data is too large, it must be at most 64 bytes")

// INIT_MR is a measurement register before any event, in hex.
const INIT_MR = rtmr.Init

// GetQuoteResponse is a TDX quote and the event log that explains its registers.
type GetQuoteResponse struct {
	Quote       []byte
	EventLog    string // JSON text of a list of EventLog
	ReportData  []byte // as in the quote: padded to 64 bytes
	VmConfig    string // JSON text
	Attestation []byte // on platforms without TDX quotes; else usually empty
}

// EventLog is an entry of an event log. Its members Version and Preimage are set only in events of the second version.
type EventLog struct {
	IMR          int    `json:"imr"`
	EventType    int    `json:"event_type"`
	Digest       string `json:"digest"`
	Event        string `json:"event"`
	EventPayload string `json:"event_payload"`
	Version      int    `json:"version,omitempty"`
	Preimage     string `json:"preimage,omitempty"`
}

type quoteJSON struct {
	Quote       hexBytes `json:"quote"`
	EventLog    string   `json:"event_log"`
	ReportData  hexBytes `json:"report_data"`
	VmConfig    string   `json:"vm_config"`
	Attestation hexBytes `json:"attestation,omitempty"`
}

// MarshalJSON prints the response as the agent sends it, bytes as hex.
func (r GetQuoteResponse) MarshalJSON() ([]byte, error) {
	return json.Marshal(quoteJSON{r.Quote, r.EventLog, r.ReportData, r.VmConfig, r.Attestation})
}

// UnmarshalJSON parses the response as the agent sends it.
func (r *GetQuoteResponse) UnmarshalJSON(text []byte) error {
	var wire quoteJSON
	if err := json.Unmarshal(text, &wire); err != nil {
		return err
	}
	*r = GetQuoteResponse{wire.Quote, wire.EventLog, wire.ReportData, wire.VmConfig, wire.Attestation}
	return nil
}

// DecodeQuote returns Quote. It never fails.
func (r *GetQuoteResponse) DecodeQuote() ([]byte, error) { return r.Quote, nil }

// DecodeReportData returns ReportData. It never fails.
func (r *GetQuoteResponse) DecodeReportData() ([]byte, error) { return r.ReportData, nil }

// DecodeAttestation returns Attestation. It never fails.
func (r *GetQuoteResponse) DecodeAttestation() ([]byte, error) { return r.Attestation, nil }

// DecodeEventLog parses EventLog.
func (r *GetQuoteResponse) DecodeEventLog() ([]EventLog, error) {
	var events []EventLog
	err := decodeJSON(r.EventLog, "event_log", &events)
	return events, err
}

// ReplayRTMRs computes the four registers, in hex, that the event log leads to. Digests of dstack's own events are computed
// from their names and payloads, and an event whose given digest differs is an error. The result proves nothing unless it
// equals the registers of a quote whose signature was verified.
func (r *GetQuoteResponse) ReplayRTMRs() (map[int]string, error) { return rtmr.Replay(r.EventLog) }

// GetQuote returns a TDX quote over reportData, at most 64 bytes, which the agent pads with zeros on the right.
func (c *DstackClient) GetQuote(ctx context.Context, reportData []byte) (*GetQuoteResponse, error) {
	if len(reportData) > maxReportData {
		return nil, errReportDataTooLarge
	}
	response := &GetQuoteResponse{}
	request := map[string]any{"report_data": hexBytes(reportData)}
	if err := c.rpc.Call(ctx, "/GetQuote", request, response); err != nil {
		return nil, err
	}
	return response, nil
}

// AttestResponse is a versioned attestation, of whatever platform the app runs on.
type AttestResponse struct {
	Attestation []byte
}

// Attest returns an attestation over reportData, at most 64 bytes, which the agent pads with zeros on the right.
func (c *DstackClient) Attest(ctx context.Context, reportData []byte) (*AttestResponse, error) {
	if len(reportData) > maxReportData {
		return nil, errReportDataTooLarge
	}
	var response struct {
		Attestation hexBytes `json:"attestation"`
	}
	request := map[string]any{"report_data": hexBytes(reportData)}
	if err := c.rpc.Call(ctx, "/Attest", request, &response); err != nil {
		return nil, err
	}
	return &AttestResponse{response.Attestation}, nil
}

// GpuInfoResponse is what was found out about the GPUs at boot.
type GpuInfoResponse struct {
	Attestation string `json:"attestation"` // empty when there are none
}

// GpuInfo returns the GPUs' attestation. To check it, verify a quote, replay RTMR3, and compare the SHA-256 of the exact
// string with evidence_sha256 in the payload of the event gpu-attestation.
func (c *DstackClient) GpuInfo(ctx context.Context) (*GpuInfoResponse, error) {
	response := &GpuInfoResponse{}
	if err := c.rpc.Call(ctx, "/GpuInfo", struct{}{}, response); err != nil {
		return nil, err
	}
	return response, nil
}

// EmitEvent extends RTMR3 with an event, for good. Agents of the next generation may lack the method: that is an error.
func (c *DstackClient) EmitEvent(ctx context.Context, event string, payload []byte) error {
	request := map[string]any{"event": event, "payload": hexBytes(payload)}
	return c.rpc.Call(ctx, "/EmitEvent", request, nil)
}
