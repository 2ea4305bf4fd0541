package ratls_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/Dstack-TEE/dstack/sdk/go/dcap"
	"github.com/Dstack-TEE/dstack/sdk/go/ratls"
)

// What a simulator made, see record_test.go: a certificate of GetTlsKey, and a self-made one with the answer of Attest.
const testdata = "../internal/testdata/simulator"

var recorded = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

func read(t *testing.T, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(testdata, name))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func parsePEM(t *testing.T, text []byte) *x509.Certificate {
	t.Helper()
	block, _ := pem.Decode(text)
	if block == nil {
		t.Fatal("not PEM")
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}

func collateral(t *testing.T) *dcap.Collateral {
	t.Helper()
	parsed, err := dcap.ParseCollateral(read(t, "collateral.json"))
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

// simulated gives the options under which what a simulator made verifies.
func simulated(t *testing.T) []ratls.Option {
	return []ratls.Option{ratls.WithInsecureRoot(parsePEM(t, read(t, "root.pem"))), ratls.WithCollateral(collateral(t)),
		ratls.WithClock(func() time.Time { return recorded })}
}

func checkResult(t *testing.T, result *ratls.VerifyResult) {
	t.Helper()
	if result.Report.Status != dcap.UpToDate || !result.Report.ExternalRoot || len(result.Report.AdvisoryIDs) > 0 {
		t.Errorf("report %+v", result.Report)
	}
	id, ok := result.Event("app-id")
	if !ok || hex.EncodeToString(id) != "ea549f02e1a25fabd1cb788380e033ec5461b2ff" {
		t.Errorf("app id %x", id)
	}
	if _, ok := result.Event("go-test"); ok {
		t.Error("the app's own event is among the system's")
	}
	if len(result.Events()) < 5 {
		t.Errorf("events %v", result.Events())
	}
}

func TestVerifyCert(t *testing.T) {
	for _, name := range []string{"certificate.pem", "versioned.pem"} {
		result, err := ratls.VerifyCert(parsePEM(t, read(t, name)), simulated(t)...)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		checkResult(t, result)
	}
}

func TestVerifyCertRefuses(t *testing.T) {
	certificate := parsePEM(t, read(t, "certificate.pem"))
	good := simulated(t)
	with := func(options ...ratls.Option) []ratls.Option {
		return append(append([]ratls.Option{}, good...), options...)
	}
	for name, test := range map[string]struct {
		options []ratls.Option
		want    string
	}{
		"Intel's root":   {with(ratls.WithInsecureRoot(nil)), "chain invalid"},
		"another root":   {with(ratls.WithInsecureRoot(dcap.IntelRoot())), "chain invalid"},
		"too late":       {with(ratls.WithClock(func() time.Time { return recorded.AddDate(20, 0, 0) })), "not valid at this time"},
		"no collateral":  {with(ratls.WithCollateral(nil), ratls.WithPCCSURL("http://127.0.0.1:1")), "collateral fetch"},
		"nothing but it": {nil, "chain invalid"},
	} {
		if result, err := ratls.VerifyCert(certificate, test.options...); err == nil || !strings.Contains(err.Error(), test.want) || result != nil {
			t.Errorf("%s: got %v, %v", name, result, err)
		}
	}
}

// selfSigned makes a certificate with extensions for a key of its own, or a given one.
func selfSigned(t *testing.T, key *ecdsa.PrivateKey, extensions ...pkix.Extension) *x509.Certificate {
	t.Helper()
	if key == nil {
		var err error
		if key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
			t.Fatal(err)
		}
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: recorded.AddDate(-1, 0, 0), NotAfter: recorded.AddDate(1, 0, 0),
		ExtraExtensions: extensions}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}

func dstackExtension(last int, content []byte) pkix.Extension {
	value, _ := asn1.Marshal(content)
	return pkix.Extension{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 62397, 1, last}, Value: value}
}

func contentOf(t *testing.T, certificate *x509.Certificate, last int) []byte {
	t.Helper()
	for _, extension := range certificate.Extensions {
		if extension.Id.Equal(asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 62397, 1, last}) {
			var content []byte
			if _, err := asn1.Unmarshal(extension.Value, &content); err != nil {
				t.Fatal(err)
			}
			return content
		}
	}
	t.Fatalf("no extension %d", last)
	return nil
}

func recordedKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	block, _ := pem.Decode(read(t, "key.pem"))
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return key.(*ecdsa.PrivateKey)
}

func TestEvidence(t *testing.T) {
	original, key := parsePEM(t, read(t, "certificate.pem")), recordedKey(t)
	quote, log := contentOf(t, original, 1), contentOf(t, original, 2)
	attestation := contentOf(t, parsePEM(t, read(t, "versioned.pem")), 8)
	debug := bytes.Clone(quote)
	debug[168] |= 1
	for name, test := range map[string]struct {
		key        *ecdsa.PrivateKey
		extensions []pkix.Extension
		want       string
	}{
		"the recorded ones":     {key, []pkix.Extension{dstackExtension(1, quote), dstackExtension(2, log)}, ""},
		"another key":           {nil, []pkix.Extension{dstackExtension(1, quote), dstackExtension(2, log)}, "report data mismatch"},
		"attestation elsewhere": {nil, []pkix.Extension{dstackExtension(8, attestation)}, "report data mismatch"},
		"nothing":               {key, nil, "no attestation"},
		"no log":                {key, []pkix.Extension{dstackExtension(1, quote)}, "without an event log"},
		"an empty log":          {key, []pkix.Extension{dstackExtension(1, quote), dstackExtension(2, []byte("[]"))}, "rtmr mismatch"},
		"no JSON":               {key, []pkix.Extension{dstackExtension(1, quote), dstackExtension(2, nil)}, "event log"},
		"another app id": {key, []pkix.Extension{dstackExtension(1, quote),
			dstackExtension(2, bytes.Replace(log, []byte("ea549f02"), []byte("ea549f03"), 1))}, "digest of"},
		"a debug TD":        {key, []pkix.Extension{dstackExtension(1, debug), dstackExtension(2, log)}, "signature invalid: quote"},
		"a short quote":     {key, []pkix.Extension{dstackExtension(1, quote[:700]), dstackExtension(2, log)}, "parse error"},
		"not an octet":      {key, []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 62397, 1, 1}, Value: []byte{5, 0}}}, "octet string"},
		"no attestation":    {key, []pkix.Extension{dstackExtension(8, nil)}, "malformed"},
		"a cut attestation": {key, []pkix.Extension{dstackExtension(8, attestation[:len(attestation)-1])}, "malformed"},
		"a longer one":      {key, []pkix.Extension{dstackExtension(8, append(bytes.Clone(attestation), 0))}, "malformed"},
	} {
		_, err := ratls.VerifyCert(selfSigned(t, test.key, test.extensions...), simulated(t)...)
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", name, err, test.want)
		}
	}
}

// handshake connects a client to a server and gives the client's error.
func handshake(t *testing.T, server, client *tls.Config) error {
	t.Helper()
	listener, err := tls.Listen("tcp", "127.0.0.1:0", server)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			_ = connection.(*tls.Conn).Handshake() // the client tells
			_, _ = connection.Write([]byte{1})
			connection.Close()
		}
	}()
	connection, err := tls.DialWithDialer(&net.Dialer{Timeout: 10 * time.Second}, "tcp", listener.Addr().String(), client)
	if err != nil {
		return err
	}
	defer connection.Close()
	_, err = connection.Read(make([]byte, 1)) // tells what the server thinks of the client's certificate
	return err
}

func TestTLS(t *testing.T) {
	key := recordedKey(t)
	attested := tls.Certificate{Certificate: [][]byte{parsePEM(t, read(t, "certificate.pem")).Raw}, PrivateKey: key}
	other := tls.Certificate{Certificate: [][]byte{selfSigned(t, key).Raw}, PrivateKey: key}
	verified := 0
	config := ratls.TLSConfig(append(simulated(t), ratls.WithOnVerified(func(result *ratls.VerifyResult) {
		verified++
		checkResult(t, result)
	}))...)
	config.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	for range 2 { // the second time resumed
		if err := handshake(t, &tls.Config{Certificates: []tls.Certificate{attested}}, config); err != nil {
			t.Error(err)
		}
	}
	if verified != 2 {
		t.Errorf("verified %d times", verified)
	}
	if err := handshake(t, &tls.Config{Certificates: []tls.Certificate{other}}, config); err == nil {
		t.Error("a certificate without attestation was accepted")
	}
}

func TestTLSServer(t *testing.T) {
	key := recordedKey(t)
	attested := tls.Certificate{Certificate: [][]byte{parsePEM(t, read(t, "certificate.pem")).Raw}, PrivateKey: key}
	other := tls.Certificate{Certificate: [][]byte{selfSigned(t, key).Raw}, PrivateKey: key}
	server := ratls.TLSConfig(simulated(t)...)
	server.Certificates = []tls.Certificate{other}
	client := func(certificates ...tls.Certificate) *tls.Config {
		return &tls.Config{InsecureSkipVerify: true, Certificates: certificates}
	}
	if err := handshake(t, server, client(attested)); err == nil {
		t.Error("a server that does not ask for certificates accepts clients")
	}
	server.ClientAuth = tls.RequireAnyClientCert
	if err := handshake(t, server, client(attested)); err != nil {
		t.Error(err)
	}
	for _, config := range []*tls.Config{client(other), client()} {
		if err := handshake(t, server, config); err == nil {
			t.Error("a client without attestation was accepted")
		}
	}
}
