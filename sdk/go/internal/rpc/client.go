// Package rpc carries the calls of the SDK's clients: JSON over HTTP, on a unix socket or TCP.
package rpc

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

const (
	callTimeout     = 30 * time.Second
	idleTimeout     = 10 * time.Second // below the agent's 15 s, so that no call meets a connection it just closed
	maxResponseSize = 16 << 20
	maxErrorText    = 4 << 10
	userAgent       = "dstack-sdk-go/0.1.0"
)

// Error is an answer that is not a success: a status other than 200, or an error text in the body.
type Error struct {
	Method     string // the last part of the path, e.g. "GetKey" or "Tappd.Info"
	StatusCode int
	Message    string // the agent's own text, empty when the body holds none
	Body       string // the start of the body
}

func (e *Error) Error() string {
	if e.StatusCode == http.StatusOK {
		return fmt.Sprintf("failed to call %s: status code 200 with an error: %s", e.Method, e.Message)
	}
	return fmt.Sprintf("failed to call %s: unexpected status code: %d, body: %s", e.Method, e.StatusCode, e.Body)
}

// Client calls the methods of one agent. It is safe for concurrent use.
type Client struct {
	base string
	http *http.Client
}

// NewClient returns a client for an http or https URL, or for the path of a unix socket. It does no I/O.
func NewClient(endpoint string) *Client {
	transport := &http.Transport{IdleConnTimeout: idleTimeout, ForceAttemptHTTP2: true}
	base := strings.TrimRight(endpoint, "/")
	if !strings.HasPrefix(endpoint, "http://") && !strings.HasPrefix(endpoint, "https://") {
		base = "http://localhost"
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", endpoint)
		}
	}
	refuseRedirect := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Client{base, &http.Client{Transport: transport, CheckRedirect: refuseRedirect, Timeout: callTimeout}}
}

// Call posts request to path and decodes the answer into response, which may be nil.
func (c *Client) Call(ctx context.Context, path string, request, response any) error {
	method := path[strings.LastIndexByte(path, '/')+1:]
	status, body, err := c.post(ctx, path, request)
	if err != nil {
		return fmt.Errorf("failed to call %s: %w", method, err)
	}
	if message := errorText(body); status != http.StatusOK || message != "" {
		return &Error{method, status, message, string(body[:min(len(body), maxErrorText)])}
	}
	if response == nil {
		return nil
	}
	if err := json.Unmarshal(body, response); err != nil {
		return fmt.Errorf("failed to call %s: cannot decode the response: %w", method, err)
	}
	return nil
}

func (c *Client) post(ctx context.Context, path string, request any) (int, []byte, error) {
	payload, err := json.Marshal(request)
	if err != nil {
		return 0, nil, err
	}
	post, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+path, bytes.NewReader(payload))
	if err != nil {
		return 0, nil, err
	}
	post.Header.Set("Content-Type", "application/json")
	post.Header.Set("User-Agent", userAgent)
	answer, err := c.http.Do(post)
	if err != nil {
		return 0, nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxResponseSize+1))
	if err != nil {
		return 0, nil, err
	}
	if len(body) > maxResponseSize {
		return 0, nil, fmt.Errorf("the response is larger than %d bytes", maxResponseSize)
	}
	return answer.StatusCode, body, nil
}

// errorText returns the string member "error" of an object, or "".
func errorText(body []byte) string {
	var object map[string]json.RawMessage
	if json.Unmarshal(body, &object) != nil {
		return ""
	}
	var text *string
	if json.Unmarshal(object["error"], &text) != nil || text == nil {
		return ""
	}
	if *text == "" {
		return "unknown error"
	}
	return *text
}

// IsTooOld tells whether err shows an agent that lacks the method. Connection errors, timeouts and the agent's own
// failures say nothing about its age.
func IsTooOld(err error) bool {
	var answer *Error
	var syntax *json.SyntaxError
	var mismatch *json.UnmarshalTypeError
	if errors.As(err, &answer) {
		return answer.StatusCode < 500
	}
	return errors.As(err, &syntax) || errors.As(err, &mismatch)
}
