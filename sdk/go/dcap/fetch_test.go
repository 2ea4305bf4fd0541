package dcap

import (
	"context"
	"crypto/x509"
	"encoding/asn1"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// What a simulator made, see ratls/record_test.go.
const testdata = "../internal/testdata/simulator"

func simulatorFile(t *testing.T, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(testdata, name))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func simulatorCertificate(t *testing.T, name string) *x509.Certificate {
	t.Helper()
	block, _ := pem.Decode(simulatorFile(t, name))
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}

func simulatorQuote(t *testing.T) []byte {
	t.Helper()
	for _, extension := range simulatorCertificate(t, "certificate.pem").Extensions {
		if extension.Id.String() == "1.3.6.1.4.1.62397.1.1" {
			var quote []byte
			if _, err := asn1.Unmarshal(extension.Value, &quote); err != nil {
				t.Fatal(err)
			}
			return quote
		}
	}
	t.Fatal("no quote")
	return nil
}

func simulatorOptions(t *testing.T) Options {
	return Options{InsecureRoot: simulatorCertificate(t, "root.pem"), Now: time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)}
}

func TestSimulatorQuote(t *testing.T) {
	collateral, err := ParseCollateral(simulatorFile(t, "collateral.json"))
	if err != nil {
		t.Fatal(err)
	}
	report, err := Verify(simulatorQuote(t), collateral, simulatorOptions(t))
	if err != nil || report.Status != UpToDate || !report.ExternalRoot || report.ModuleStatus == nil {
		t.Errorf("got %+v, %v", report, err)
	}
	if _, err := Verify(simulatorQuote(t), collateral, Options{}); classOf(err) != ChainInvalid {
		t.Errorf("under Intel's root: %v", err)
	}
}

// pccs serves the simulator's collateral like a PCCS, with the given changes, and counts requests.
func pccs(t *testing.T, requests *int, edit func(path string, answer http.ResponseWriter) bool) *httptest.Server {
	t.Helper()
	var parts map[string]string
	if err := json.Unmarshal(simulatorFile(t, "collateral.json"), &parts); err != nil {
		t.Fatal(err)
	}
	document := func(answer http.ResponseWriter, header, name, member string) {
		answer.Header().Set(header, url.PathEscape(parts[name+"_issuer_chain"]))
		_, _ = answer.Write([]byte(`{"` + member + `":` + parts[name] + `,"signature":"` + parts[name+"_signature"] + `"}`))
	}
	server := httptest.NewServer(http.HandlerFunc(func(answer http.ResponseWriter, request *http.Request) {
		*requests++
		if edit != nil && edit(request.URL.Path, answer) {
			return
		}
		switch request.URL.RequestURI() {
		case "/sgx/certification/v4/pckcrl?ca=platform&encoding=der", "/sgx/certification/v4/pckcrl?ca=processor&encoding=der":
			_, _ = answer.Write([]byte(parts["pck_crl"]))
		case "/tdx/certification/v4/tcb?fmspc=D57AC0000000":
			document(answer, "TCB-Info-Issuer-Chain", "tcb_info", "tcbInfo")
		case "/tdx/certification/v4/qe/identity?update=standard":
			document(answer, "SGX-Enclave-Identity-Issuer-Chain", "qe_identity", "enclaveIdentity")
		case "/sgx/certification/v4/rootcacrl":
			_, _ = answer.Write([]byte(parts["root_ca_crl"] + "\n"))
		default:
			http.NotFound(answer, request)
		}
	}))
	t.Cleanup(server.Close)
	return server
}

func TestFetchCollateral(t *testing.T) {
	quote, options, requests := simulatorQuote(t), simulatorOptions(t), 0
	server := pccs(t, &requests, nil)
	for range 2 { // the second time from memory
		collateral, err := FetchCollateral(context.Background(), nil, server.URL+"/sgx/certification/v4/", quote, options)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Verify(quote, collateral, options); err != nil {
			t.Error(err)
		}
	}
	if requests != 4 {
		t.Errorf("%d requests", requests)
	}
	later := options
	later.Now = options.Now.Add(25 * time.Hour)
	if _, err := FetchCollateral(context.Background(), nil, server.URL, quote, later); err != nil || requests != 8 {
		t.Errorf("a day later: %d requests, %v", requests, err)
	}
}

func TestFetchCollateralNotForAnyQuote(t *testing.T) {
	requests := 0
	server := pccs(t, &requests, nil)
	forged := simulatorQuote(t)
	forged[568] ^= 1
	if _, err := FetchCollateral(context.Background(), nil, server.URL, forged, simulatorOptions(t)); classOf(err) != BadQuoteSignature || requests > 0 {
		t.Errorf("%d requests, %v", requests, err)
	}
	if _, err := FetchCollateral(context.Background(), nil, server.URL, simulatorQuote(t), Options{}); classOf(err) != ChainInvalid || requests > 0 {
		t.Errorf("%d requests, %v", requests, err)
	}
}

func TestFetchCollateralFailures(t *testing.T) {
	for name, test := range map[string]struct {
		edit func(path string, answer http.ResponseWriter) bool
		want Class
	}{
		"status 500": {func(path string, answer http.ResponseWriter) bool {
			answer.WriteHeader(500)
			return true
		}, CollateralFetch},
		"no header": {func(path string, answer http.ResponseWriter) bool {
			if strings.HasSuffix(path, "/tcb") {
				_, _ = answer.Write([]byte(`{"tcbInfo":{},"signature":"` + strings.Repeat("0", 128) + `"}`))
			}
			return strings.HasSuffix(path, "/tcb")
		}, CollateralFetch},
		"no JSON": {func(path string, answer http.ResponseWriter) bool {
			if strings.HasSuffix(path, "/identity") {
				_, _ = answer.Write([]byte("<html>"))
			}
			return strings.HasSuffix(path, "/identity")
		}, CollateralDecode},
		"a list that is none": {func(path string, answer http.ResponseWriter) bool {
			if strings.HasSuffix(path, "/rootcacrl") {
				_, _ = answer.Write([]byte("30"))
			}
			return strings.HasSuffix(path, "/rootcacrl")
		}, CollateralDecode},
		"too much": {func(path string, answer http.ResponseWriter) bool {
			if strings.HasSuffix(path, "/pckcrl") {
				_, _ = answer.Write(make([]byte, maxBodySize+1))
			}
			return strings.HasSuffix(path, "/pckcrl")
		}, CollateralFetch},
		"no root list": {func(path string, answer http.ResponseWriter) bool {
			if strings.HasSuffix(path, "/rootcacrl") {
				answer.WriteHeader(404) // and the simulator's root names no other place
			}
			return strings.HasSuffix(path, "/rootcacrl")
		}, CollateralFetch},
	} {
		requests := 0
		server := pccs(t, &requests, test.edit)
		if _, err := FetchCollateral(context.Background(), nil, server.URL, simulatorQuote(t), simulatorOptions(t)); classOf(err) != test.want {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
