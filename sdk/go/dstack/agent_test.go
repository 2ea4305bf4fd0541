package dstack_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"
	"golang.org/x/crypto/sha3"

	"github.com/Dstack-TEE/dstack/sdk/go/dstack"
)

// The tests in this file run against an agent with the keys of the simulator; see the README.
func agent(t *testing.T) *dstack.DstackClient {
	t.Helper()
	if os.Getenv("DSTACK_SIMULATOR_ENDPOINT") == "" {
		t.Skip("DSTACK_SIMULATOR_ENDPOINT is not set")
	}
	return dstack.NewDstackClient()
}

func TestAgentKeys(t *testing.T) {
	client := agent(t)
	for _, test := range []struct{ path, purpose, key, signature string }{
		{"", "", "38309afef2058aef6aee6ef7baca26942986ee387836a0dbdb5791f4f5a8142c", "9f3f2ca85e1ac9ef4acb716658a66d8b0b0926f8445121638356596b865b40af5db2b2fa02f143f6a0f0e31c799ea5ed93bcb284572b18c816ff4a1f4ecb744b00"},
		{"/", "test", "082d197907da848f8095f86c3a723bf75a082e97723e000fe3dffbf08b958ea8", "f9c2004974b741bd7b7c926ea6a8e071bf06ecf921c5bd55826f35874cf2fea602c11b5eba8128293f4aa0911bd817bda3428c67929dc761f4f2068809ada46901"},
		{"test/wallet", "ethereum", "6244639c307e3d12a313dc49dbe310d4e0b833b15c346749ea96a4b9226e33b9", "aff4341afe0547ef79f6d44ccb4a45e1cb2b4c872043e30230ba6c94eb96e29f0f41c40636d95e959a3ec0e301731be38c9de416aa55a03e7f03d440dcfa236501"},
		{"test/signing", "solana", "6f01d732740cf8cad20aaa706904913c6d973cf4914e8f758ecd4ef46106ec4f", "d428fc0829f9f1dbac550a58064adf4c65eeecae778fe1240fae366ae77a4268467f9f405ea1e1103991b463fd99e0fa5dd7f256254268e055995f9043f7e8b701"},
		{"/test/path", "test-purpose", "50e62363110ce0c1ec0546671fd06c6b8a2c71a2af6467d34ac56d57170c9581", "5ddfe43b56ff5dcaf4ce97ac1cf1f0cf38dc13d1f973fc0d3920068fde42c499320deba46037279c390444de88609ace95e931898a45480184dbd2f9a9fde8b101"},
		{"user/alice", "mainnet", "765300f5c141da0ab392051882277435c13a0dc152b0d60045d89c4cd9977235", ""},
		{"eth/test", "wallet", "887aa52486cdf9e94508e406e4f1dd8300a3781530e4dc5a8be22ca4821d7e3e", ""},
		{"sol/test", "wallet", "73556950d8a18be6887481699ebb92f720167eb6f28ad3048b78f1f9666fdd95", ""},
	} {
		key, err := client.GetKey(context.Background(), test.path, test.purpose)
		if err != nil || key.Key != test.key || len(key.SignatureChain) != 2 ||
			test.signature != "" && key.SignatureChain[0] != test.signature {
			t.Errorf("%s: got %v, %v", test.path, key, err)
		}
	}
}

func TestAgentEd25519Key(t *testing.T) {
	key, err := agent(t).GetKey(context.Background(), "/", "test", "ed25519")
	if err != nil || key.Key != "082d197907da848f8095f86c3a723bf75a082e97723e000fe3dffbf08b958ea8" ||
		key.SignatureChain[0] != "e21e071be10136235a25cbca3ecae3ae27fc4dd6136a30640cdd6b04b008d506071443b5be6e39c73927661780dc693d305cb5cefce625db0a73ab275f42e05e01" {
		t.Errorf("got %v, %v", key, err)
	}
	seed, err := key.DecodeKey()
	if err != nil {
		t.Fatal(err)
	}
	public := ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey)
	if hex.EncodeToString(public) != "80a95a07d5d895a79ed1a73c93af7ba635083ea5e2378b0ffa956e9147f923f8" {
		t.Errorf("public key %x", public)
	}
}

func TestAgentRefusesAlgorithms(t *testing.T) {
	client := agent(t)
	for _, algorithm := range []string{"rsa", "secp256k1_prehashed"} {
		if key, err := client.GetKey(context.Background(), "/", "", algorithm); err == nil {
			t.Errorf("%s gave %v", algorithm, key)
		}
	}
}

// recover returns the compressed key that signed the Keccak-256 of message.
func recoverKey(t *testing.T, message, signature []byte) []byte {
	t.Helper()
	if len(signature) != 65 {
		t.Fatalf("a signature has %d bytes", len(signature))
	}
	hash := sha3.NewLegacyKeccak256()
	hash.Write(message)
	key, _, err := ecdsa.RecoverCompact(append([]byte{31 + signature[64]}, signature[:64]...), hash.Sum(nil))
	if err != nil {
		t.Fatal(err)
	}
	return key.SerializeCompressed()
}

func TestAgentSignatureChain(t *testing.T) {
	client := agent(t)
	key, err := client.GetKey(context.Background(), "/test/path", "test-purpose")
	if err != nil {
		t.Fatal(err)
	}
	info, err := client.Info(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	secret, _ := key.DecodeKey()
	chain, err := key.DecodeSignatureChain()
	if err != nil || len(chain) != 2 {
		t.Fatalf("chain %v, %v", chain, err)
	}
	public := hex.EncodeToString(secp256k1.PrivKeyFromBytes(secret).PubKey().SerializeCompressed())
	if public != "039aa5e9849930bb46f72bc6a06bf569546cf116795da0a679b98ff54627285fac" {
		t.Errorf("public key %s", public)
	}
	app := recoverKey(t, []byte("test-purpose:"+public), chain[0])
	if hex.EncodeToString(app) != "02b85cceca0c02d878f0ebcda72a97469a472416eb6faf3c4807642132f9786810" {
		t.Errorf("app key %x", app)
	}
	id, _ := hex.DecodeString(info.AppID)
	kms := recoverKey(t, slices.Concat([]byte("dstack-kms-issued:"), id, app), chain[1])
	if hex.EncodeToString(kms) != "02cad3a8bb11c5c0858fb3e402048b5137457039d577986daade678ed4b4ab1b9b" {
		t.Errorf("KMS key %x", kms)
	}
}

func TestAgentQuote(t *testing.T) {
	client := agent(t)
	quote, err := client.GetQuote(context.Background(), []byte("test"))
	if err != nil {
		t.Fatal(err)
	}
	padded := append([]byte("test"), make([]byte, 60)...)
	if len(quote.Quote) < 632 || !bytes.Equal(quote.Quote[568:632], padded) || !bytes.Equal(quote.ReportData, padded) || quote.VmConfig == "" {
		t.Fatalf("got %v", quote)
	}
	events, err := quote.DecodeEventLog()
	if err != nil || len(events) == 0 {
		t.Errorf("events %v, %v", events, err)
	}
	registers, err := quote.ReplayRTMRs()
	if err != nil || len(registers) != 4 {
		t.Fatal(registers, err)
	}
	for i := range 4 {
		if want := hex.EncodeToString(quote.Quote[376+48*i : 424+48*i]); registers[i] != want {
			t.Errorf("register %d: got %s, want %s", i, registers[i], want)
		}
	}
}

func TestAgentEmitEventExtendsRTMR3(t *testing.T) {
	client := agent(t)
	before, err := client.GetQuote(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := client.EmitEvent(context.Background(), "go-test", []byte("payload")); err != nil {
		t.Fatal(err)
	}
	after, err := client.GetQuote(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	registers, err := after.ReplayRTMRs()
	if err != nil || bytes.Equal(before.Quote[520:568], after.Quote[520:568]) || registers[3] != hex.EncodeToString(after.Quote[520:568]) {
		t.Errorf("register 3 is %s, %v", registers[3], err)
	}
}

func TestAgentInfo(t *testing.T) {
	client := agent(t)
	info, err := client.Info(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	tcb, err := info.DecodeTcbInfo()
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{info.AppID, info.InstanceID, info.AppName, info.DeviceID, info.ComposeHash, info.KeyProviderInfo,
		info.VmConfig, tcb.Mrtd, tcb.Rtmr0, tcb.Rtmr1, tcb.Rtmr2, tcb.Rtmr3, tcb.ComposeHash, tcb.DeviceID, tcb.AppCompose} {
		if text == "" {
			t.Errorf("a member is empty: %+v", info)
			break
		}
	}
	if len(tcb.EventLog) == 0 || !client.IsReachable(context.Background()) {
		t.Errorf("events %v", tcb.EventLog)
	}
}

func TestAgentTlsKey(t *testing.T) {
	client := agent(t)
	for _, test := range []struct {
		options []dstack.TlsKeyOption
		usages  []x509.ExtKeyUsage
		names   []string
	}{
		{nil, nil, nil},
		{[]dstack.TlsKeyOption{dstack.WithUsageServerAuth(true)}, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, nil},
		{[]dstack.TlsKeyOption{dstack.WithUsageClientAuth(true), dstack.WithUsageRaTls(true), dstack.WithAltNames([]string{"a.test", "b.test"})},
			[]x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, []string{"a.test", "b.test"}},
	} {
		key, err := client.GetTlsKey(context.Background(), append(test.options, dstack.WithSubject("go-test"))...)
		if err != nil {
			t.Fatal(err)
		}
		block, _ := pem.Decode([]byte(key.CertificateChain[0]))
		if block == nil {
			t.Fatal("the certificate is not PEM")
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		if certificate.Subject.CommonName != "go-test" || certificate.KeyUsage&x509.KeyUsageDigitalSignature == 0 ||
			!slices.Equal(certificate.ExtKeyUsage, test.usages) || !slices.Equal(certificate.DNSNames, test.names) || len(certificate.IPAddresses) > 0 {
			t.Errorf("got %v %v %v", certificate.Subject, certificate.ExtKeyUsage, certificate.DNSNames)
		}
		if scalar, err := key.AsUint8Array(); err != nil || len(scalar) != 32 {
			t.Errorf("scalar of %d bytes, %v", len(scalar), err)
		}
	}
}

func TestAgentTlsKeyValidity(t *testing.T) {
	key, err := agent(t).GetTlsKey(context.Background(), dstack.WithNotBefore(1700000000), dstack.WithNotAfter(1800000000), dstack.WithAppInfo(true))
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode([]byte(key.CertificateChain[0]))
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil || certificate.NotBefore.Unix() != 1700000000 || certificate.NotAfter.Unix() != 1800000000 {
		t.Errorf("valid from %v to %v, %v", certificate.NotBefore, certificate.NotAfter, err)
	}
}

func TestAgentSignAndVerify(t *testing.T) {
	client := agent(t)
	digest := sha256.Sum256([]byte("message"))
	for algorithm, data := range map[string][]byte{"ed25519": []byte("message"), "secp256k1": []byte("message"), "k256": []byte("message"), "secp256k1_prehashed": digest[:]} {
		signed, err := client.Sign(context.Background(), algorithm, data)
		if err != nil {
			t.Errorf("%s: %v", algorithm, err)
			continue
		}
		if len(signed.SignatureChain) != 3 || !bytes.Equal(signed.Signature, signed.SignatureChain[0]) {
			t.Errorf("%s: chain %x", algorithm, signed.SignatureChain)
		}
		for _, test := range []struct {
			data  []byte
			valid bool
		}{{data, true}, {make([]byte, 32), false}} {
			result, err := client.Verify(context.Background(), algorithm, test.data, signed.Signature, signed.PublicKey)
			if err != nil || result.Valid != test.valid {
				t.Errorf("%s: got %v, %v", algorithm, result, err)
			}
		}
	}
}

func TestAgentAttest(t *testing.T) {
	attestation, err := agent(t).Attest(context.Background(), []byte("test"))
	if err != nil || len(attestation.Attestation) == 0 {
		t.Errorf("got %v, %v", attestation, err)
	}
}

func TestAgentVersionAndGpuInfo(t *testing.T) {
	client := agent(t)
	version, err := client.GetVersion(context.Background())
	if err != nil || strings.Count(version.Version, ".") != 2 {
		t.Errorf("got %v, %v", version, err)
	}
	if _, err := client.GpuInfo(context.Background()); err != nil {
		t.Error(err)
	}
}
