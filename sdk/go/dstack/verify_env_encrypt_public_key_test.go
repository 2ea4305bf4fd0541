package dstack

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
)

const (
	legacyKey       = "e33a1832c6562067ff8f844a61e51ad051f1180b66ec2551fb0251735f3ee90a"
	legacySignature = "8542c49081fbf4e03f62034f13fbf70630bdf256a53032e38465a27c36fd6bed7a5e7111652004aef37f7fd92fbfc1285212c4ae6a6154203a48f5e16cad2cef00"
	legacySigner    = "0x0217610d74cbd39b6143842c6d8bc310d79da1d82cc9d17f8876376221eda0c38f"
	timedSignature  = "c9e643b59985ab43c0ae4ec75e302d9d7a70abe0212f9928d5fc56563aa56b5415271d9ea4dd8d02125359dae4267d704c374ba72a829bece6e16b5e3cdfc9f600"
	timedSigner     = "0x031b84c5567b126440995d3ed5aaba0565d71e1834604819ff9c17f5e9d5dd078f"
	timedAt         = 1700000000
)

var zeroApp = strings.Repeat("0", 40)

func TestVerifyEnvEncryptPublicKey(t *testing.T) {
	key, signature := fromHex(t, legacyKey), fromHex(t, legacySignature)
	ethereumForm := append(bytes.Clone(signature[:64]), 27)
	for _, test := range []struct {
		signature []byte
		app       string
		expected  []string
	}{
		{signature, zeroApp, nil}, {signature, "0x" + zeroApp, nil}, {signature, "0X" + zeroApp, nil}, {ethereumForm, zeroApp, nil},
		{signature, zeroApp, []string{legacySigner}}, {signature, zeroApp, []string{strings.ToUpper(legacySigner[2:])}},
	} {
		got, err := VerifyEnvEncryptPublicKey(key, test.signature, test.app, test.expected...)
		if err != nil || string(got) != legacySigner {
			t.Errorf("%v: got %s, %v", test, got, err)
		}
	}
}

func TestVerifyEnvEncryptPublicKeyInvalid(t *testing.T) {
	key, signature := fromHex(t, legacyKey), fromHex(t, legacySignature)
	badRecovery := append(bytes.Clone(signature[:64]), 2)
	for name, got := range map[string]func() ([]byte, error){
		"zero signature":  func() ([]byte, error) { return VerifyEnvEncryptPublicKey(key, make([]byte, 65), zeroApp) },
		"short signature": func() ([]byte, error) { return VerifyEnvEncryptPublicKey(key, signature[:64], zeroApp) },
		"recovery id 2":   func() ([]byte, error) { return VerifyEnvEncryptPublicKey(key, badRecovery, zeroApp) },
		"app id not hex":  func() ([]byte, error) { return VerifyEnvEncryptPublicKey(key, signature, "zz"+zeroApp[2:]) },
		"short app id":    func() ([]byte, error) { return VerifyEnvEncryptPublicKey(key, signature, zeroApp[2:]) },
		"28-byte app id":  func() ([]byte, error) { return VerifyEnvEncryptPublicKey(key, signature, zeroApp+"0011223344556677") },
		"40-byte key":     func() ([]byte, error) { return VerifyEnvEncryptPublicKey(append(key, key[:8]...), signature, zeroApp) },
		"other signer": func() ([]byte, error) {
			return VerifyEnvEncryptPublicKey(key, signature, zeroApp, timedSigner)
		},
	} {
		if signer, err := got(); signer != nil || err != nil {
			t.Errorf("%s: got %s, %v", name, signer, err)
		}
	}
}

func atTime(t *testing.T, seconds int64) {
	t.Helper()
	now = func() time.Time { return time.Unix(seconds, 0) }
	t.Cleanup(func() { now = time.Now })
}

func TestVerifyEnvEncryptPublicKeyWithTimestamp(t *testing.T) {
	key, app := bytes.Repeat([]byte{0xde}, 32), strings.Repeat("ab", 20)
	signature := fromHex(t, timedSignature)
	for _, clock := range []int64{timedAt, timedAt + 300, timedAt - 60} {
		atTime(t, clock)
		got, err := VerifyEnvEncryptPublicKeyWithTimestamp(key, signature, app, timedAt, nil)
		if err != nil || string(got) != timedSigner {
			t.Errorf("at %d: got %s, %v", clock, got, err)
		}
	}
	for _, clock := range []int64{timedAt + 301, timedAt - 61} {
		atTime(t, clock)
		if got, err := VerifyEnvEncryptPublicKeyWithTimestamp(key, signature, app, timedAt, nil); err == nil {
			t.Errorf("at %d: got %s", clock, got)
		}
	}
	atTime(t, timedAt+301)
	options := &VerifyEnvEncryptPublicKeyOptions{MaxAgeSeconds: 301, ExpectedSigner: timedSigner}
	got, err := VerifyEnvEncryptPublicKeyWithTimestamp(key, signature, app, timedAt, options)
	if err != nil || string(got) != timedSigner {
		t.Errorf("with options: got %s, %v", got, err)
	}
	options.ExpectedSigner = legacySigner
	if got, err := VerifyEnvEncryptPublicKeyWithTimestamp(key, signature, app, timedAt, options); got != nil || err != nil {
		t.Errorf("another signer: got %s, %v", got, err)
	}
	// The time belongs to what is signed: it must not pass as a part of a legacy message.
	if got, _ := VerifyEnvEncryptPublicKeyLegacy(key, signature, app+"000000006553f100"); got != nil {
		t.Errorf("as a legacy signature: got %s", got)
	}
}

// The KMS certified the app's key: the simulator's, and that of the reference's newer one.
func TestVerifySignatureSimpleOfApps(t *testing.T) {
	for _, test := range []struct{ app, key, signature, issuer string }{
		{"ea549f02e1a25fabd1cb788380e033ec5461b2ff", "02b85cceca0c02d878f0ebcda72a97469a472416eb6faf3c4807642132f9786810",
			"2f431c7956869a4fe3e028c5f9518a935e2d01e81a3628f8b1d178fc2fac7b6d2405ace433624e5568e23c4ed291dbaf60dac79b756837c0fe745154ebfdc0a601",
			"02cad3a8bb11c5c0858fb3e402048b5137457039d577986daade678ed4b4ab1b9b"},
		{"5bb4ff9a3837357f19dc176407a5709c62eb6c56", "02818494263695e8839122dbd88e281d7380622999df4e60a14befa0f2d096fc7c",
			"9e618603e72d01fedb82deff6daf2d62a572becf0059eec3f89c1ab40e1f2e594d2a283f843f34e8f39e4cc49a612496ce67223a12ac923f8efe330346dfc6c500",
			"0321529e458424ab1f710a3a57ec4dad2fb195ddca572f7469242ba6c7563085b6"},
	} {
		message := append(append([]byte("dstack-kms-issued:"), fromHex(t, test.app)...), fromHex(t, test.key)...)
		if !VerifySignatureSimple(message, fromHex(t, test.signature), fromHex(t, test.issuer)) {
			t.Errorf("app %s is not certified", test.app)
		}
	}
}

func TestVerifySignatureSimple(t *testing.T) {
	message := []byte("dstack-env-encrypt-pubkey:" + string(make([]byte, 20)) + string(fromHex(t, legacyKey)))
	signature := fromHex(t, legacySignature)
	compressed := fromHex(t, legacySigner[2:])
	key, err := secp256k1.ParsePubKey(compressed)
	if err != nil {
		t.Fatal(err)
	}
	for _, form := range [][]byte{compressed, key.SerializeUncompressed()} {
		if !VerifySignatureSimple(message, signature, form) {
			t.Errorf("refused with the key %s", hex.EncodeToString(form))
		}
	}
	signature[64] = 99 // ignored
	if !VerifySignatureSimple(message, signature, compressed) {
		t.Error("the last byte is not ignored")
	}
	if VerifySignatureSimple(message[1:], signature, compressed) || VerifySignatureSimple(message, signature[:64], compressed) ||
		VerifySignatureSimple(message, make([]byte, 65), compressed) || VerifySignatureSimple(message, signature, compressed[1:]) {
		t.Error("a wrong signature was accepted")
	}
}
