package dcap

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// fixture reads a file of real quotes and collateral, which are not part of this repository.
func fixture(t *testing.T, name string) []byte {
	t.Helper()
	directory := os.Getenv("DSTACK_SHARED_DIR")
	if directory == "" {
		directory = "../../../../shared"
	}
	content, err := os.ReadFile(filepath.Join(directory, "fixtures/attestation", name))
	if errors.Is(err, os.ErrNotExist) {
		t.Skipf("there is no fixture %s: set DSTACK_SHARED_DIR", name)
	}
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func quoteFixture(t *testing.T, name string) []byte {
	t.Helper()
	content := fixture(t, name)
	if strings.HasSuffix(name, ".bin") {
		return content
	}
	raw, err := hex.DecodeString(strings.TrimPrefix(strings.TrimSpace(string(content)), "0x"))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func collateralFixture(t *testing.T, name string) *Collateral {
	t.Helper()
	collateral, err := ParseCollateral(fixture(t, name))
	if err != nil {
		t.Fatal(err)
	}
	return collateral
}

func at(seconds int64) Options { return Options{Now: time.Unix(seconds, 0)} }

func classOf(err error) Class {
	var failure *Error
	if errors.As(err, &failure) {
		return failure.Class
	}
	return ""
}

func TestIntelRoot(t *testing.T) {
	if sum := sha256.Sum256(IntelRoot().Raw); hex.EncodeToString(sum[:]) != "44a0196b2b99f889b8e149e95b807a350e7424964399e885a7cbb8ccfab674d3" {
		t.Errorf("got %x", sum)
	}
}

// Every pair of a real TDX quote and real collateral, with the outcome that two other verifiers agree on.
func TestRealQuotes(t *testing.T) {
	var expected struct {
		Pairs []struct {
			Quote, Collateral, Status, Error string
			Now                              int64
			AdvisoryIDs                      []string `json:"advisory_ids"`
			PlatformStatus                   string   `json:"platform_status"`
			ModuleStatus                     string   `json:"module_status"`
			QEStatus                         string   `json:"qe_status"`
		}
	}
	if err := json.Unmarshal(fixture(t, "expected.json"), &expected); err != nil {
		t.Fatal(err)
	}
	verified := 0
	for _, pair := range expected.Pairs {
		if filepath.Ext(pair.Quote) == ".json" || strings.Contains(pair.Quote, "attestation") {
			continue
		}
		quote := quoteFixture(t, pair.Quote)
		report, err := Verify(quote, collateralFixture(t, pair.Collateral), at(pair.Now))
		if strings.Contains(pair.Quote, "sgx") {
			if classOf(err) != UnsupportedVersion {
				t.Errorf("%s: got %v, %v", pair.Quote, report, err)
			}
			continue
		}
		if err != nil {
			if string(classOf(err)) != pair.Error || report != nil {
				t.Errorf("%s with %s: got %v, want %q", pair.Quote, pair.Collateral, err, pair.Error+pair.Status)
			}
			continue
		}
		verified++
		if report.Status.String() != pair.Status || report.PlatformStatus.String() != pair.PlatformStatus ||
			report.ModuleStatus.String() != pair.ModuleStatus || report.QEStatus.String() != pair.QEStatus ||
			!slices.Equal(report.AdvisoryIDs, pair.AdvisoryIDs) || report.ExternalRoot {
			t.Errorf("%s with %s: got %+v, want %+v", pair.Quote, pair.Collateral, report, pair)
		}
	}
	if verified < 3 {
		t.Errorf("only %d pairs verified", verified)
	}
}

func TestQuoteFields(t *testing.T) {
	quote, err := ParseQuote(quoteFixture(t, "dcap/tdx_v4_mrconfigid.quote.hex"))
	if err != nil {
		t.Fatal(err)
	}
	want := "0112a20aed7d6c68601e9f6e108a93b4199ae7231684307ffc4833c9cd08d45de7" + strings.Repeat("00", 15)
	if hex.EncodeToString(quote.Report.MRConfigID[:]) != want || quote.Version != 4 {
		t.Errorf("got version %d, %x", quote.Version, quote.Report.MRConfigID)
	}
}

const (
	goodQuote      = "dcap/tdx_v4.quote.bin"
	goodCollateral = "dcap/tdx_v4.collateral.json"
	goodFrom       = 1750329147
	goodUntil      = 1752919235
)

func TestTime(t *testing.T) {
	quote, collateral := quoteFixture(t, goodQuote), collateralFixture(t, goodCollateral)
	for _, test := range []struct {
		now  int64
		want Class
	}{{goodFrom, ""}, {goodUntil - 1, ""}, {goodFrom - 1, IssuedInFuture}, {goodUntil + 1, Expired}} {
		report, err := Verify(quote, collateral, at(test.now))
		if classOf(err) != test.want || (report == nil) != (err != nil) {
			t.Errorf("at %d: got %v, %v", test.now, report, err)
		}
	}
}

func TestDamagedQuotes(t *testing.T) {
	good, collateral := quoteFixture(t, goodQuote), collateralFixture(t, goodCollateral)
	const auth = 632 + 4
	for _, test := range []struct {
		offset int
		want   Class
	}{
		{0, ParseError}, {1, UnsupportedVersion}, {2, UnsupportedKeyType}, {4, UnsupportedVersion}, {12, UnsupportedVendor}, {28, BadQuoteSignature},
		{184, BadQuoteSignature}, {568, BadQuoteSignature}, {auth, BadQuoteSignature}, {auth + 64, QEReportDataMismatch},
		{auth + 128, ParseError}, {auth + 134, BadQEReportSignature}, {auth + 134 + 384, BadQEReportSignature},
		{auth + 134 + 448 + 2, QEReportDataMismatch},
	} {
		damaged := bytes.Clone(good)
		damaged[test.offset] ^= 1
		if report, err := Verify(damaged, collateral, at(goodUntil-1)); classOf(err) != test.want || report != nil {
			t.Errorf("byte %d: got %v, want %q", test.offset, err, test.want)
		}
	}
	end := bytes.LastIndex(good, []byte("-----END CERTIFICATE-----"))
	for size := 0; size < end; size += 7 {
		if report, err := Verify(good[:size], collateral, at(goodUntil-1)); err == nil || report != nil {
			t.Fatalf("the first %d bytes verify", size)
		}
	}
	if _, err := Verify(append(bytes.Clone(good), 1, 2, 3), collateral, at(goodUntil-1)); err != nil {
		t.Errorf("with bytes behind it: %v", err)
	}
}

// Every change of a byte inside the parts that count is noticed.
func TestEveryByteCounts(t *testing.T) {
	good, collateral := quoteFixture(t, goodQuote), collateralFixture(t, goodCollateral)
	for offset := 0; offset < 632+4+134+384+64+2+32+6; offset += 3 {
		damaged := bytes.Clone(good)
		damaged[offset] ^= 0x20
		if _, err := Verify(damaged, collateral, at(goodUntil-1)); err == nil {
			t.Errorf("byte %d may be changed", offset)
		}
	}
}

func TestDamagedCollateral(t *testing.T) {
	quote := quoteFixture(t, goodQuote)
	text := fixture(t, goodCollateral)
	var good map[string]string
	if err := json.Unmarshal(text, &good); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		key  string
		edit func(string) string
		want Class
	}{
		{"tcb_info", func(s string) string { return strings.Replace(s, "UpToDate", "OutOfDate", 1) }, BadTCBInfoSignature},
		{"tcb_info", func(s string) string { return strings.Replace(s, "{", `{"id":"TDX",`, 1) }, CollateralDecode},
		{"tcb_info", func(s string) string { return s + " x" }, CollateralDecode},
		{"tcb_info_signature", func(s string) string { return strings.Repeat("0", 128) }, BadTCBInfoSignature},
		{"tcb_info_signature", func(s string) string { return s[2:] }, CollateralDecode},
		{"tcb_info_issuer_chain", func(s string) string { return "" }, ChainInvalid},
		{"tcb_info_issuer_chain", func(s string) string { return s + s }, ChainInvalid},
		{"qe_identity", func(s string) string { return strings.Replace(s, "UpToDate", "OutOfDate", 1) }, BadQEIdentitySignature},
		{"qe_identity_issuer_chain", func(s string) string { return s[strings.LastIndex(s, "-----BEGIN"):] }, ChainInvalid},
		{"pck_crl", func(s string) string { return s + "00" }, CollateralDecode},
		{"pck_crl", func(string) string { return good["root_ca_crl"] }, ChainInvalid},
		{"root_ca_crl", func(string) string { return good["pck_crl"] }, ChainInvalid},
	} {
		edited := map[string]string{}
		for key, value := range good {
			edited[key] = value
		}
		edited[test.key] = test.edit(good[test.key])
		again, _ := json.Marshal(edited)
		collateral, err := ParseCollateral(again)
		if err == nil {
			_, err = Verify(quote, collateral, at(goodUntil-1))
		}
		if classOf(err) != test.want {
			t.Errorf("%s: got %v, want %q", test.key, err, test.want)
		}
	}
}

func TestCollateralOfAnother(t *testing.T) {
	quote := quoteFixture(t, goodQuote)
	sgx := collateralFixture(t, "dcap/sgx_v3.collateral.json")
	if _, err := Verify(quote, sgx, at(1752919234)); classOf(err) != WrongTCBInfoType {
		t.Errorf("SGX collateral: %v", err)
	}
}

// Under Intel's root the signer of TCB info must be the one of that name; a root of somebody else needs an option.
func TestRoot(t *testing.T) {
	quote, collateral := quoteFixture(t, goodQuote), collateralFixture(t, goodCollateral)
	chain, err := parseChain([]byte(collateral.tcbInfo.issuerChain))
	if err != nil {
		t.Fatal(err)
	}
	options := at(goodUntil - 1)
	options.InsecureRoot = chain[0] // an end entity is no anchor
	if _, err := Verify(quote, collateral, options); err == nil {
		t.Error("verified under another root")
	}
}

func TestParseCollateralRefuses(t *testing.T) {
	for _, text := range []string{"", "{}", "[]", `{"pck_crl":5}`, `{"a":1,"a":2}`, `{"root_ca_crl":"zz"}`} {
		if _, err := ParseCollateral([]byte(text)); classOf(err) != CollateralDecode {
			t.Errorf("%q: got %v", text, err)
		}
	}
}

func TestMerge(t *testing.T) {
	for _, test := range []struct{ platform, part, want Status }{
		{UpToDate, UpToDate, UpToDate}, {UpToDate, OutOfDate, OutOfDate}, {ConfigurationNeeded, OutOfDate, OutOfDateConfigurationNeeded},
		{ConfigurationAndSWHardeningNeeded, OutOfDate, OutOfDateConfigurationNeeded}, {SWHardeningNeeded, OutOfDate, OutOfDate},
		{OutOfDate, StatusRevoked, StatusRevoked}, {ConfigurationNeeded, UpToDate, ConfigurationNeeded},
	} {
		if got := merge(test.platform, test.part); got != test.want {
			t.Errorf("%s and %s: got %s, want %s", test.platform, test.part, got, test.want)
		}
	}
}

func FuzzParseQuote(f *testing.F) {
	f.Add([]byte{4, 0, 2, 0, 0x81})
	f.Fuzz(func(t *testing.T, raw []byte) {
		if quote, err := ParseQuote(raw); (quote == nil) == (err == nil) {
			t.Errorf("got %v, %v", quote, err)
		}
	})
}
