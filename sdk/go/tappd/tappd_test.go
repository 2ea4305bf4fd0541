package tappd_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/Dstack-TEE/dstack/sdk/go/tappd"
)

const fixedKey = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgCC0ZeQfahI+Alfhs
OnI791oILpdyPgAP49/78IuVjqihRANCAAROJ5YaGXbk2cVtIVNruwbKX3QIdvip
goeVxXbdhXuZr/YNBj5xYUeFi9TKZBUEKqDl1rZRDB9UGcJ2KCr8C4W1
-----END PRIVATE KEY-----
`

func TestToBytes(t *testing.T) {
	var log bytes.Buffer
	previous := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))
	t.Cleanup(func() { slog.SetDefault(previous) })
	response := &tappd.DeriveKeyResponse{Key: fixedKey}
	for _, test := range []struct {
		max, length int
		warns       bool
	}{{-1, 138, false}, {200, 138, false}, {137, 137, false}, {37, 37, false}, {36, 36, true}, {32, 32, true}, {0, 0, false}} {
		log.Reset()
		got, err := response.ToBytes(test.max)
		if err != nil || len(got) != test.length || (log.Len() > 0) != test.warns {
			t.Errorf("ToBytes(%d) gave %d bytes, %v, and logged %q", test.max, len(got), err, log.String())
		}
	}
	if _, err := (&tappd.DeriveKeyResponse{Key: "x"}).ToBytes(-1); err == nil {
		t.Error("a key that is not PEM was decoded")
	}
}

func TestRequests(t *testing.T) {
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		asked = append(asked, r.URL.Path+" "+string(body))
		io.WriteString(w, `{"tcb_info":"{\"mrtd\":\"ab\"}","app_id":"01"}`)
	}))
	t.Cleanup(server.Close)
	client := tappd.NewTappdClient(tappd.WithEndpoint(server.URL))
	ctx := context.Background()
	client.DeriveKey(ctx, "/p")
	client.DeriveKeyWithSubject(ctx, "/p", "s")
	client.DeriveKeyWithSubjectAndAltNames(ctx, "/p", "", []string{"a"})
	client.TdxQuote(ctx, []byte{1})
	client.TdxQuoteWithHashAlgorithm(ctx, []byte{1}, tappd.RAW)
	info, err := client.Info(ctx)
	if err != nil || info.AppID != "01" || info.TcbInfo.Mrtd != "ab" {
		t.Errorf("got %v, %v", info, err)
	}
	want := []string{
		`/prpc/Tappd.DeriveKey {"path":"/p","subject":"/p"}`,
		`/prpc/Tappd.DeriveKey {"path":"/p","subject":"s"}`,
		`/prpc/Tappd.DeriveKey {"alt_names":["a"],"path":"/p","subject":"/p"}`,
		`/prpc/Tappd.TdxQuote {"hash_algorithm":"sha512","report_data":"01"}`,
		`/prpc/Tappd.TdxQuote {"hash_algorithm":"raw","report_data":"` + strings.Repeat("00", 63) + `01"}`,
		`/prpc/Tappd.Info {}`,
	}
	if strings.Join(asked, "\n") != strings.Join(want, "\n") {
		t.Errorf("asked %q", asked)
	}
}

// The tests below run against an agent with the keys of the simulator.
func service(t *testing.T) *tappd.TappdClient {
	t.Helper()
	if os.Getenv("TAPPD_SIMULATOR_ENDPOINT") == "" && os.Getenv("DSTACK_SIMULATOR_ENDPOINT") == "" {
		t.Skip("neither TAPPD_SIMULATOR_ENDPOINT nor DSTACK_SIMULATOR_ENDPOINT is set")
	}
	return tappd.NewTappdClient()
}

func TestAgentDeriveKey(t *testing.T) {
	key, err := service(t).DeriveKeyWithSubjectAndAltNames(context.Background(), "/", "test", nil)
	if err != nil || key.Key != fixedKey || len(key.CertificateChain) == 0 {
		t.Errorf("got %v, %v", key, err)
	}
}

// The report data of a quote over "test" by each hash.
func TestAgentTdxQuote(t *testing.T) {
	client := service(t)
	for algorithm, want := range map[tappd.QuoteHashAlgorithm]string{
		"":              "1864e059be7e1ec12d9fe9da903d3711e0d72edab19f044cc9d6ac90c32b996b545a9979309bd19c36b803941e8e3485115e9b794001f2b9f367f6e03c52e532",
		tappd.SHA256:    "a5d2ef1e94583bef4a02b29278af41b662d239beb36937a993108841b6b3c1fc",
		tappd.SHA384:    "520c310d0fa18bedd24891ad191a9b785befe672f518d1c1a5b8d4b6cfb4f233815b825aaaa5466334fe6e2fd3f2c6a4",
		tappd.SHA512:    "1864e059be7e1ec12d9fe9da903d3711e0d72edab19f044cc9d6ac90c32b996b545a9979309bd19c36b803941e8e3485115e9b794001f2b9f367f6e03c52e532",
		tappd.SHA3_256:  "893acdd0162e33594df56553bea2079b99d7d562284f9eb7fd9458e2add81fe8",
		tappd.SHA3_384:  "47b4d35de7240cf179ac5fde22464fa3a076e5142ba0f629b400602b5f2bfe7f01a1bf2d63ef5abbff50a381d7031be3",
		tappd.SHA3_512:  "4ffccda90bf80d7dd814350ebd438f5b3b77aab1d387b27967778597794cc696311f5cd0f50697b796f621ee5c78784e5d847953f3f1120c48519ce6e4648b4c",
		tappd.KECCAK256: "b877945563d5025eec520b6bb150efcf4c368c491ff1947529be3125d4e5ecb6",
		tappd.KECCAK384: "a551aba3b52b345ceeaba78660e95318fd404f947efa8ce16134a9d7dd370248c7a8cf4711dce74e8c4feb01abb45ea9",
		tappd.KECCAK512: "6dd564fe70580e2476e2ecb78ba5f994b83f8178064257bba498dcab267c5c75135c6b8f268d93415ac8662db5104abccd51d30c0500da684a7550ae3f3b71c7",
		tappd.RAW:       strings.Repeat("00", 60) + "74657374",
	} {
		quote, err := client.TdxQuoteWithHashAlgorithm(context.Background(), []byte("test"), algorithm)
		if err != nil {
			t.Errorf("%s: %v", algorithm, err)
			continue
		}
		raw, err := hex.DecodeString(quote.Quote)
		if err != nil || len(raw) < 632 || hex.EncodeToString(raw[568:632]) != want+strings.Repeat("0", 128-len(want)) {
			t.Errorf("%s: report data %x, %v", algorithm, raw[568:632], err)
		}
		registers, err := quote.ReplayRTMRs()
		if err != nil || registers[3] != hex.EncodeToString(raw[520:568]) {
			t.Errorf("%s: registers %v, %v", algorithm, registers, err)
		}
	}
}

func TestAgentRawLimit(t *testing.T) {
	_, err := service(t).TdxQuoteWithHashAlgorithm(context.Background(), make([]byte, 65), tappd.RAW)
	if err == nil || !strings.Contains(err.Error(), "report data is too large") {
		t.Errorf("got %v", err)
	}
}

func TestAgentInfo(t *testing.T) {
	client := service(t)
	info, err := client.Info(context.Background())
	if err != nil || info.AppID == "" || info.TcbInfo.Mrtd == "" || len(info.TcbInfo.EventLog) == 0 || !client.IsReachable(context.Background()) {
		t.Errorf("got %v, %v", info, err)
	}
}
