package dstack

import "context"

// InfoResponse tells what the app is and what it runs on. Members whose comment says so hold hex.
type InfoResponse struct {
	AppID           string `json:"app_id"`      // hex
	InstanceID      string `json:"instance_id"` // hex
	AppCert         string `json:"app_cert"`    // PEM chain
	TcbInfo         string `json:"tcb_info"`    // JSON text, see DecodeTcbInfo
	AppName         string `json:"app_name"`
	DeviceID        string `json:"device_id"`               // hex
	MrAggregated    string `json:"mr_aggregated,omitempty"` // hex
	KeyProviderInfo string `json:"key_provider_info"`       // JSON text
	OsImageHash     string `json:"os_image_hash,omitempty"` // hex; empty when the KMS does not measure the image
	ComposeHash     string `json:"compose_hash"`            // hex
	VmConfig        string `json:"vm_config,omitempty"`     // JSON text
	CloudVendor     string `json:"cloud_vendor,omitempty"`
	CloudProduct    string `json:"cloud_product,omitempty"`
}

// TcbInfo holds the measurements, in hex, with what explains them.
type TcbInfo struct {
	Mrtd         string     `json:"mrtd"`
	Rtmr0        string     `json:"rtmr0"`
	Rtmr1        string     `json:"rtmr1"`
	Rtmr2        string     `json:"rtmr2"`
	Rtmr3        string     `json:"rtmr3"`
	RootfsHash   string     `json:"rootfs_hash,omitempty"` // only of agents before 0.5
	MrAggregated string     `json:"mr_aggregated,omitempty"`
	OsImageHash  string     `json:"os_image_hash,omitempty"`
	ComposeHash  string     `json:"compose_hash,omitempty"`
	DeviceID     string     `json:"device_id,omitempty"`
	AppCompose   string     `json:"app_compose"` // the file as deployed
	EventLog     []EventLog `json:"event_log"`
}

// DecodeTcbInfo parses TcbInfo. It is an error when that is empty.
func (r *InfoResponse) DecodeTcbInfo() (*TcbInfo, error) {
	info := &TcbInfo{}
	if err := decodeJSON(r.TcbInfo, "tcb_info", info); err != nil {
		return nil, err
	}
	return info, nil
}

// Info returns what the app is and what it runs on. Nothing in it is proven: that takes a quote.
func (c *DstackClient) Info(ctx context.Context) (*InfoResponse, error) {
	response := &InfoResponse{}
	if err := c.rpc.Call(ctx, "/Info", struct{}{}, response); err != nil {
		return nil, err
	}
	return response, nil
}
