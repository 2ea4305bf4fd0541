package ratls_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha512"
	"crypto/x509"
	"encoding/pem"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/Dstack-TEE/dstack/sdk/go/dcap"
	"github.com/Dstack-TEE/dstack/sdk/go/dstack"
	"github.com/Dstack-TEE/dstack/sdk/go/ratls"
)

var record = flag.Bool("record", false, "write what the simulator makes to testdata")

// made is what a running simulator makes, as files of the test data.
func made(t *testing.T) map[string][]byte {
	t.Helper()
	endpoint := os.Getenv("DSTACK_SIMULATOR_ENDPOINT")
	anchors := filepath.Join(filepath.Dir(endpoint), "anchors")
	root, err := os.ReadFile(filepath.Join(anchors, "root.pem"))
	if endpoint == "" || err != nil {
		t.Skip("DSTACK_SIMULATOR_ENDPOINT is not the socket of a simulator with its anchors beside it")
	}
	collateral, err := os.ReadFile(filepath.Join(anchors, "collateral.json"))
	if err != nil {
		t.Fatal(err)
	}
	client := dstack.NewDstackClient()
	key, err := client.GetTlsKey(context.Background(), dstack.WithSubject("go-test"), dstack.WithUsageRaTls(true), dstack.WithUsageServerAuth(true))
	if err != nil {
		t.Fatal(err)
	}
	return map[string][]byte{"root.pem": root, "collateral.json": collateral, "key.pem": []byte(key.Key),
		"certificate.pem": []byte(key.CertificateChain[0]), "versioned.pem": versioned(t, client)}
}

// versioned makes a certificate with a versioned attestation for its key.
func versioned(t *testing.T, client *dstack.DstackClient) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	info, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	reportData := sha512.Sum512(append([]byte("ratls-cert:"), info...))
	attestation, err := client.Attest(context.Background(), reportData[:])
	if err != nil {
		t.Fatal(err)
	}
	certificate := selfSigned(t, key, dstackExtension(8, attestation.Attestation))
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Raw})
}

func TestAgentCertificates(t *testing.T) {
	files := made(t)
	collateral, err := dcap.ParseCollateral(files["collateral.json"])
	if err != nil {
		t.Fatal(err)
	}
	options := []ratls.Option{ratls.WithInsecureRoot(parsePEM(t, files["root.pem"])), ratls.WithCollateral(collateral)}
	for _, name := range []string{"certificate.pem", "versioned.pem"} {
		result, err := ratls.VerifyCert(parsePEM(t, files[name]), options...)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		checkResult(t, result)
	}
	if !*record {
		return
	}
	if err := os.MkdirAll(testdata, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(testdata, name), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
