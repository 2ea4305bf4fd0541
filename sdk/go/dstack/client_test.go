package dstack_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/Dstack-TEE/dstack/sdk/go/dstack"
)

// fakeAgent answers each path with the text given for it, and 400 to any other. It records what it was asked.
type fakeAgent struct {
	answers map[string]string
	asked   []string
}

func (f *fakeAgent) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	f.asked = append(f.asked, r.URL.Path+" "+string(body))
	answer, ok := f.answers[r.URL.Path]
	if !ok {
		w.WriteHeader(http.StatusBadRequest)
		answer = `{"error":"service not found"}`
	}
	io.WriteString(w, answer)
}

func newFake(t *testing.T, answers map[string]string) (*fakeAgent, *dstack.DstackClient) {
	t.Helper()
	fake := &fakeAgent{answers: answers}
	server := httptest.NewServer(fake)
	t.Cleanup(server.Close)
	return fake, dstack.NewDstackClient(dstack.WithEndpoint(server.URL))
}

func (f *fakeAgent) expectAsked(t *testing.T, want ...string) {
	t.Helper()
	if strings.Join(f.asked, "\n") != strings.Join(want, "\n") {
		t.Errorf("asked %q, want %q", f.asked, want)
	}
	f.asked = nil
}

const oldKey = `{"key":"01","signature_chain":["02","03"]}`

func TestGetKeyRequests(t *testing.T) {
	ctx := context.Background()
	fake, client := newFake(t, map[string]string{"/GetKey": oldKey, "/Version": `{"version":"0.5.7","rev":""}`})
	for _, algorithm := range [][]string{nil, {""}, {"secp256k1"}} {
		if _, err := client.GetKey(ctx, "p", "q", algorithm...); err != nil {
			t.Fatal(err)
		}
		fake.expectAsked(t, `/GetKey {"path":"p","purpose":"q"}`)
	}
	if _, err := client.GetKey(ctx, "p", "q", "k256"); err != nil {
		t.Fatal(err)
	}
	fake.expectAsked(t, `/GetKey {"algorithm":"k256","path":"p","purpose":"q"}`)
	key, err := client.GetKey(ctx, "p", "q", "ed25519")
	if err != nil {
		t.Fatal(err)
	}
	fake.expectAsked(t, `/Version {}`, `/GetKey {"algorithm":"ed25519","path":"p","purpose":"q"}`)
	raw, err := key.DecodeKey()
	if err != nil || !bytes.Equal(raw, []byte{1}) {
		t.Errorf("key %x, %v", raw, err)
	}
	chain, err := key.DecodeSignatureChain()
	if err != nil || len(chain) != 2 || !bytes.Equal(chain[1], []byte{3}) {
		t.Errorf("chain %x, %v", chain, err)
	}
	if _, err := client.GetKey(ctx, "p", "q", "ed25519", "k256"); err == nil {
		t.Error("two algorithms were accepted")
	}
}

func TestNewFeaturesNeedANewAgent(t *testing.T) {
	ctx := context.Background()
	for _, answers := range []map[string]string{
		{"/GetKey": oldKey, "/GetTlsKey": "{}"},
		{"/GetKey": oldKey, "/GetTlsKey": "{}", "/Version": `{"version":""}`},
		{"/GetKey": oldKey, "/GetTlsKey": "{}", "/Version": `{"version":7}`},
		{"/GetKey": oldKey, "/GetTlsKey": "{}", "/Version": `<html>`},
	} {
		_, client := newFake(t, answers)
		_, err := client.GetKey(ctx, "p", "q", "ed25519")
		if err == nil || err.Error() != `algorithm "ed25519" is not supported: OS version too old (Version RPC unavailable)` {
			t.Errorf("%v: got %v", answers, err)
		}
		_, err = client.GetTlsKey(ctx, dstack.WithNotAfter(1), dstack.WithAppInfo(true))
		if err == nil || err.Error() != `TLS key options [not_after, with_app_info] are not supported: OS version too old (Version RPC unavailable)` {
			t.Errorf("%v: got %v", answers, err)
		}
	}
}

func TestProbeFailuresArePassedOn(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	t.Cleanup(server.Close)
	for _, endpoint := range []string{server.URL, "/nonexistent/dstack.sock"} {
		_, err := dstack.NewDstackClient(dstack.WithEndpoint(endpoint)).GetKey(context.Background(), "p", "q", "ed25519")
		if err == nil || strings.Contains(err.Error(), "too old") {
			t.Errorf("%s: got %v", endpoint, err)
		}
	}
}

func TestGetTlsKeyRequests(t *testing.T) {
	fake, client := newFake(t, map[string]string{"/GetTlsKey": "{}", "/Version": `{"version":"0.5.7"}`})
	if _, err := client.GetTlsKey(context.Background()); err != nil {
		t.Fatal(err)
	}
	fake.expectAsked(t, `/GetTlsKey {"subject":"","usage_ra_tls":false,"usage_server_auth":false,"usage_client_auth":false}`)
	_, err := client.GetTlsKey(context.Background(), dstack.WithSubject("s"), dstack.WithAltNames([]string{"a"}),
		dstack.WithUsageRaTls(true), dstack.WithUsageServerAuth(true), dstack.WithUsageClientAuth(true),
		dstack.WithNotBefore(1), dstack.WithNotAfter(2), dstack.WithAppInfo(true))
	if err != nil {
		t.Fatal(err)
	}
	fake.expectAsked(t, `/Version {}`, `/GetTlsKey {"subject":"s","alt_names":["a"],"usage_ra_tls":true,"usage_server_auth":true,`+
		`"usage_client_auth":true,"not_before":1,"not_after":2,"with_app_info":true}`)
}

func TestSmallCalls(t *testing.T) {
	ctx := context.Background()
	fake, client := newFake(t, map[string]string{
		"/EmitEvent": "null", "/Attest": `{"attestation":"00ff"}`, "/GpuInfo": `{"attestation":"{}"}`,
		"/Sign": `{"signature":"01","signature_chain":["02"],"public_key":"03"}`, "/Verify": `{"valid":true}`,
	})
	if err := client.EmitEvent(ctx, "e", []byte{1}); err != nil {
		t.Error(err)
	}
	if attestation, err := client.Attest(ctx, []byte{2}); err != nil || !bytes.Equal(attestation.Attestation, []byte{0, 255}) {
		t.Errorf("%v, %v", attestation, err)
	}
	if gpu, err := client.GpuInfo(ctx); err != nil || gpu.Attestation != "{}" {
		t.Errorf("%v, %v", gpu, err)
	}
	if s, err := client.Sign(ctx, "ed25519", []byte{3}); err != nil || s.Signature[0] != 1 || s.SignatureChain[0][0] != 2 || s.PublicKey[0] != 3 {
		t.Errorf("%v, %v", s, err)
	}
	if v, err := client.Verify(ctx, "ed25519", []byte{4}, []byte{5}, []byte{6}); err != nil || !v.Valid {
		t.Errorf("%v, %v", v, err)
	}
	fake.expectAsked(t, `/EmitEvent {"event":"e","payload":"01"}`, `/Attest {"report_data":"02"}`, `/GpuInfo {}`,
		`/Sign {"algorithm":"ed25519","data":"03"}`, `/Verify {"algorithm":"ed25519","data":"04","public_key":"06","signature":"05"}`)
}

func TestQuoteResponseJSON(t *testing.T) {
	const text = `{"quote":"0102","event_log":"[]","report_data":"03","vm_config":"{}"}`
	_, client := newFake(t, map[string]string{"/GetQuote": text})
	quote, err := client.GetQuote(context.Background(), nil)
	if err != nil || quote.VmConfig != "{}" || !bytes.Equal(quote.Quote, []byte{1, 2}) || !bytes.Equal(quote.ReportData, []byte{3}) {
		t.Fatalf("%v, %v", quote, err)
	}
	if printed, err := json.Marshal(quote); err != nil || string(printed) != text {
		t.Errorf("%s, %v", printed, err)
	}
	if events, err := quote.DecodeEventLog(); err != nil || len(events) != 0 {
		t.Errorf("%v, %v", events, err)
	}
}

func TestLimitsOnInput(t *testing.T) {
	ctx := context.Background()
	fake, client := newFake(t, nil)
	large := make([]byte, 65)
	_, quoteErr := client.GetQuote(ctx, large)
	_, attestErr := client.Attest(ctx, large)
	for _, err := range []error{quoteErr, attestErr} {
		if err == nil || !strings.Contains(err.Error(), "report data is too large") {
			t.Errorf("got %v", err)
		}
	}
	if _, err := client.Sign(ctx, "secp256k1_prehashed", large); err == nil || !strings.Contains(err.Error(), "32-byte digest") {
		t.Errorf("got %v", err)
	}
	fake.expectAsked(t)
}

func TestErrorsOfTheAgent(t *testing.T) {
	_, client := newFake(t, nil)
	_, err := client.Info(context.Background())
	var answer *dstack.RPCError
	if !errors.As(err, &answer) || answer.Method != "Info" || answer.StatusCode != 400 || answer.Message != "service not found" {
		t.Errorf("got %v", err)
	}
	if client.IsReachable(context.Background()) {
		t.Error("reachable in spite of the error")
	}
	if _, err := new(dstack.InfoResponse).DecodeTcbInfo(); err == nil {
		t.Error("an empty tcb_info was decoded")
	}
}

func TestLegacyCalls(t *testing.T) {
	ctx := context.Background()
	fake := &fakeAgent{answers: map[string]string{"/prpc/Tappd.DeriveKey": "{}", "/prpc/Tappd.TdxQuote": "{}", "/GetQuote": "{}", "/prpc/Tappd.Info": "{}"}}
	server := httptest.NewServer(fake)
	t.Cleanup(server.Close)
	t.Setenv("TAPPD_SIMULATOR_ENDPOINT", server.URL)
	tappd := dstack.NewTappdClient()
	if _, err := tappd.DeriveKey(ctx, "/p", "", []string{"a"}); err != nil {
		t.Error(err)
	}
	if _, err := tappd.TdxQuote(ctx, []byte{1}, "raw"); err != nil {
		t.Error(err)
	}
	if _, err := tappd.TdxQuote(ctx, make([]byte, 65), "raw"); err == nil {
		t.Error("65 raw bytes were accepted")
	}
	if !tappd.IsReachable(ctx) {
		t.Error("not reachable")
	}
	fake.expectAsked(t, `/prpc/Tappd.DeriveKey {"alt_names":["a"],"path":"/p","subject":"/p"}`,
		`/prpc/Tappd.TdxQuote {"hash_algorithm":"raw","report_data":"`+strings.Repeat("00", 63)+`01"}`, `/prpc/Tappd.Info {}`)

	client := dstack.NewDstackClient(dstack.WithEndpoint(server.URL))
	if _, err := client.TdxQuote(ctx, []byte{1}, "raw"); err != nil {
		t.Error(err)
	}
	fake.expectAsked(t, `/GetQuote {"report_data":"01"}`)
	if _, err := client.TdxQuote(ctx, nil, "sha512"); err == nil {
		t.Error("a hash algorithm was accepted")
	}
	if _, err := client.DeriveKey("/", "", nil); err == nil {
		t.Error("DeriveKey did not fail")
	}
}
