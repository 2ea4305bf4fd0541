package rpc

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func answer(t *testing.T, status int, body string) *Client {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		io.WriteString(w, body)
	}))
	t.Cleanup(server.Close)
	return NewClient(server.URL + "/")
}

func TestCallErrors(t *testing.T) {
	for _, test := range []struct {
		status int
		body   string
		want   string
	}{
		{400, `{"error":"no such path"}`, `failed to call GetKey: unexpected status code: 400, body: {"error":"no such path"}`},
		{204, ``, `failed to call GetKey: unexpected status code: 204, body: `},
		{302, `{}`, `failed to call GetKey: unexpected status code: 302, body: {}`},
		{500, `oops`, `failed to call GetKey: unexpected status code: 500, body: oops`},
		{200, `{"error":"quote failed"}`, `failed to call GetKey: status code 200 with an error: quote failed`},
		{200, `{"error":""}`, `failed to call GetKey: status code 200 with an error: unknown error`},
		{200, `{"a":`, `failed to call GetKey: cannot decode the response: unexpected end of JSON input`},
	} {
		err := answer(t, test.status, test.body).Call(context.Background(), "/GetKey", struct{}{}, &struct{}{})
		if err == nil || err.Error() != test.want {
			t.Errorf("%d %s: got %v", test.status, test.body, err)
		}
	}
}

func TestCallAccepts(t *testing.T) {
	for _, body := range []string{`{"error":null,"a":1}`, `{"error":{"code":404},"a":1}`, `{"a":1}`} {
		var response struct{ A int }
		err := answer(t, 200, body).Call(context.Background(), "/Info", struct{}{}, &response)
		if err != nil || response.A != 1 {
			t.Errorf("%s: got %v, %v", body, response, err)
		}
	}
	if err := answer(t, 200, "null").Call(context.Background(), "/EmitEvent", struct{}{}, nil); err != nil {
		t.Error(err)
	}
}

func TestCallRefusesLargeAnswers(t *testing.T) {
	body := `{"a":"` + strings.Repeat("x", maxResponseSize) + `"}`
	if err := answer(t, 200, body).Call(context.Background(), "/Info", struct{}{}, nil); err == nil {
		t.Error("a response over the limit was accepted")
	}
}

func TestCallOverUnixSocketIgnoresProxies(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	socket := filepath.Join(t.TempDir(), "agent.sock")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.Host != "localhost" || r.RequestURI != "/Info" || len(r.Header["Content-Type"]) != 1 || string(body) != "{}" {
			t.Errorf("got %s %s, %v, %s", r.Host, r.RequestURI, r.Header, body)
		}
		io.WriteString(w, "{}")
	})}
	go server.Serve(listener)
	t.Cleanup(func() { server.Close() })
	if err := NewClient(socket).Call(context.Background(), "/Info", struct{}{}, nil); err != nil {
		t.Error(err)
	}
}

func TestCallEndsWithItsContext(t *testing.T) {
	done := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-done }))
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(done) })
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	err := NewClient(server.URL).Call(ctx, "/Info", struct{}{}, nil)
	if !errors.Is(err, context.DeadlineExceeded) || IsTooOld(err) {
		t.Errorf("got %v", err)
	}
}

func TestResolve(t *testing.T) {
	source := Source{Variables: []string{"DSTACK_TEST_FIRST", "DSTACK_TEST_SECOND"}, Socket: "no-such.sock"}
	logger := slog.New(slog.NewTextHandler(io.Discard, nil))
	expect := func(explicit, want string) {
		t.Helper()
		if got := source.Resolve(explicit, logger); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	expect("", "/var/run/no-such.sock")
	t.Setenv("DSTACK_TEST_FIRST", "") // empty counts as unset
	expect("", "/var/run/no-such.sock")
	t.Setenv("DSTACK_TEST_SECOND", "/second.sock")
	expect("", "/second.sock")
	t.Setenv("DSTACK_TEST_FIRST", "/first.sock")
	expect("", "/first.sock")
	expect("http://explicit", "http://explicit")
}
