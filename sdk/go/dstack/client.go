package dstack

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/Dstack-TEE/dstack/sdk/go/internal/rpc"
)

const reachableTimeout = 500 * time.Millisecond

// RPCError is the agent's answer to a call that failed. It has the fields Method, StatusCode, Message (the agent's own
// text) and Body.
type RPCError = rpc.Error

// DstackClient calls the guest agent of dstack. It is safe for concurrent use.
type DstackClient struct {
	endpoint string
	logger   *slog.Logger
	rpc      *rpc.Client
}

// DstackClientOption configures a [DstackClient].
type DstackClientOption func(*DstackClient)

// WithEndpoint sets the agent's http or https URL, or the path of its unix socket.
func WithEndpoint(endpoint string) DstackClientOption {
	return func(c *DstackClient) { c.endpoint = endpoint }
}

// WithLogger sets the logger for notices, by default [slog.Default].
func WithLogger(logger *slog.Logger) DstackClientOption {
	return func(c *DstackClient) { c.logger = logger }
}

// NewDstackClient returns a client. It does no I/O: an agent that is not there shows at the first call.
func NewDstackClient(opts ...DstackClientOption) *DstackClient {
	return newClient(rpc.Source{
		Variables: []string{"DSTACK_SIMULATOR_ENDPOINT"},
		Socket:    "dstack.sock",
		Notice:    "using simulator endpoint",
	}, opts)
}

func newClient(source rpc.Source, opts []DstackClientOption) *DstackClient {
	client := &DstackClient{logger: slog.Default()}
	for _, opt := range opts {
		opt(client)
	}
	client.endpoint = source.Resolve(client.endpoint, client.logger)
	client.rpc = rpc.NewClient(client.endpoint)
	return client
}

// VersionResponse names the guest agent's release.
type VersionResponse struct {
	Version string `json:"version"`
	Rev     string `json:"rev"`
}

// GetVersion returns the agent's version. Agents older than 0.5.7 lack the method: that is an error.
func (c *DstackClient) GetVersion(ctx context.Context) (*VersionResponse, error) {
	response := &VersionResponse{}
	if err := c.rpc.Call(ctx, "/Version", struct{}{}, response); err != nil {
		return nil, err
	}
	if response.Version == "" {
		return nil, errNoVersion
	}
	return response, nil
}

var errNoVersion = errors.New("the answer holds no version")

// requireVersion refuses what, by its name, agents without the Version method would ignore or misread.
func (c *DstackClient) requireVersion(ctx context.Context, what string) error {
	_, err := c.GetVersion(ctx)
	if err == nil {
		return nil
	}
	if errors.Is(err, errNoVersion) || rpc.IsTooOld(err) {
		return fmt.Errorf("%s not supported: OS version too old (Version RPC unavailable)", what)
	}
	return err
}

// IsReachable tells whether the agent answers Info within half a second.
func (c *DstackClient) IsReachable(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, reachableTimeout)
	defer cancel()
	_, err := c.Info(ctx)
	return err == nil
}

// hexBytes travels as hex in JSON.
type hexBytes []byte

func (b hexBytes) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, b), nil }

func (b *hexBytes) UnmarshalText(text []byte) error {
	decoded, err := hex.DecodeString(string(text))
	*b = decoded
	return err
}

func decodeHexList(list []string, what string) ([][]byte, error) {
	decoded := make([][]byte, len(list))
	for i, text := range list {
		var err error
		if decoded[i], err = hex.DecodeString(text); err != nil {
			return nil, fmt.Errorf("failed to decode %s %d: %w", what, i, err)
		}
	}
	return decoded, nil
}

// decodeJSON parses a member whose text is JSON itself.
func decodeJSON(text, what string, out any) error {
	if text == "" {
		return fmt.Errorf("%s is empty", what)
	}
	if err := json.Unmarshal([]byte(text), out); err != nil {
		return fmt.Errorf("failed to parse %s: %w", what, err)
	}
	return nil
}
