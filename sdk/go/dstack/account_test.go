package dstack

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
)

func TestAccounts(t *testing.T) {
	for _, test := range []struct{ key, ethereum, solana string }{
		{"6244639c307e3d12a313dc49dbe310d4e0b833b15c346749ea96a4b9226e33b9", "0x95d8399a8a90e4807d254cd26b4cff08b992bf10", "dba98a47245a51706a1cffb6bf08434f2bf12e8c1ec4165623083d3532dd0154"},
		{"6f01d732740cf8cad20aaa706904913c6d973cf4914e8f758ecd4ef46106ec4f", "0xe3edfe0d432d5e71f3876f19b34ae947e38d6536", "23f8cd576887e7db0f3508b068d1b28090f33894d810035277d514b76ae25a3b"},
		{"765300f5c141da0ab392051882277435c13a0dc152b0d60045d89c4cd9977235", "0xd65652874f4f4ae6d2cb6536973c73cf4eee8cd0", "808c2a81769e9e9042465474263060bc559ee8336546f7acf73fead09b18bd03"},
		{"887aa52486cdf9e94508e406e4f1dd8300a3781530e4dc5a8be22ca4821d7e3e", "0xdc49e11425e268d8fa4d0d169c11605072c9291d", "6ee67df2b6f35f357943f9dc27cc03ae5c3f9c39189d5affaa50a9ddd5e5dbd8"},
		{"73556950d8a18be6887481699ebb92f720167eb6f28ad3048b78f1f9666fdd95", "0x08c3c7ce6020783a6a11688932cebff19218a69f", "69877008e7f1eadf63ac93222f2aef28444b25903d18fd0c7b8221dababa1550"},
	} {
		response := &GetKeyResponse{Key: test.key}
		for _, make := range []func(any) (*EthereumAccount, error){ToEthereumAccount, ToEthereumAccountSecure} {
			account, err := make(response)
			if err != nil || !strings.EqualFold(account.Address.Hex(), test.ethereum) {
				t.Errorf("%s: got %v, %v", test.key, account, err)
			}
		}
		for _, make := range []func(any) (*SolanaKeypair, error){ToSolanaKeypair, ToSolanaKeypairSecure} {
			pair, err := make(response)
			if err != nil || pair.PublicKeyString() != test.solana || hex.EncodeToString(pair.Bytes()) != test.key+test.solana {
				t.Errorf("%s: got %v, %v", test.key, pair, err)
			}
		}
	}
}

// The examples of EIP-55.
func TestAddressChecksum(t *testing.T) {
	for _, want := range []string{
		"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
		"0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB", "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
	} {
		if got := EthereumAddress(fromHex(t, want[2:])).String(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestEthereumSignature(t *testing.T) {
	account, err := ToEthereumAccount(&GetKeyResponse{Key: strings.Repeat("01", 32)})
	if err != nil {
		t.Fatal(err)
	}
	if text := fmt.Sprintf("%v %s", account, account); strings.Contains(text, "0101") {
		t.Errorf("the private key is printed: %s", text)
	}
	digest := keccak256([]byte("message"))
	signature, err := account.Sign(digest)
	if err != nil {
		t.Fatal(err)
	}
	signer := recoverSigner(digest, signature)
	if signer == nil || signer.X().Cmp(account.PublicKey().X) != 0 || signer.Y().Cmp(account.PublicKey().Y) != 0 {
		t.Errorf("signature %x is not the account's", signature)
	}
	if _, err := account.Sign(digest[1:]); err == nil {
		t.Error("a digest of 31 bytes was signed")
	}
}

func TestSolanaSignature(t *testing.T) {
	pair, err := ToSolanaKeypair(&GetKeyResponse{Key: strings.Repeat("01", 32)})
	if err != nil {
		t.Fatal(err)
	}
	signature := pair.Sign([]byte("message"))
	if !pair.Verify([]byte("message"), signature) || pair.Verify([]byte("other"), signature) {
		t.Error("the signature does not verify")
	}
}

// The key of a fixed certificate: the DER's constant start must never become an account.
func TestAccountsOfTlsKeys(t *testing.T) {
	const scalar = "082d197907da848f8095f86c3a723bf75a082e97723e000fe3dffbf08b958ea8"
	response := &GetTlsKeyResponse{Key: fixedKey}
	raw, err := response.AsUint8Array()
	if err != nil || hex.EncodeToString(raw) != scalar {
		t.Fatalf("scalar %x, %v", raw, err)
	}
	account, err := ToEthereumAccount(response)
	if err != nil || account.Address.Hex() == "0xf3D21A3A689ad889541D993a51E3109aC3e36C12" ||
		!bytes.Equal(account.PrivateKey.D.Bytes(), raw) {
		t.Errorf("got %v, %v", account, err)
	}
	secure, err := ToEthereumAccountSecure(response)
	if err != nil || secure.Address == account.Address {
		t.Errorf("got %v, %v", secure, err)
	}
	pair, err := ToSolanaKeypair(response)
	if err != nil || pair.PublicKeyString() == "08052dffc4f1bfaa12b46da8a8558515fa5cf77aaedc089d3a0fa1ebe7e464b6" {
		t.Errorf("got %v, %v", pair, err)
	}
}

func TestAccountsRefuse(t *testing.T) {
	const order = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141"
	for _, response := range []any{
		nil, "key", GetKeyResponse{Key: order}, &GetKeyResponse{}, &GetKeyResponse{Key: "zz"}, &GetKeyResponse{Key: "0101"},
		&GetTlsKeyResponse{Key: "no PEM"},
	} {
		if account, err := ToEthereumAccount(response); err == nil {
			t.Errorf("%v gave %v", response, account)
		}
		if pair, err := ToSolanaKeypair(response); err == nil {
			t.Errorf("%v gave %v", response, pair)
		}
	}
	for _, key := range []string{order, strings.Repeat("00", 32)} {
		if account, err := ToEthereumAccount(&GetKeyResponse{Key: key}); err == nil {
			t.Errorf("%s gave %v", key, account)
		}
	}
}

func TestAsUint8ArrayCuts(t *testing.T) {
	response := &GetTlsKeyResponse{Key: fixedKey}
	for given, want := range map[int]int{0: 32, -1: 32, 16: 16, 64: 32} {
		if got, err := response.AsUint8Array(given); err != nil || len(got) != want {
			t.Errorf("%d gave %d bytes, %v", given, len(got), err)
		}
	}
}

const fixedKey = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgCC0ZeQfahI+Alfhs
OnI791oILpdyPgAP49/78IuVjqihRANCAAROJ5YaGXbk2cVtIVNruwbKX3QIdvip
goeVxXbdhXuZr/YNBj5xYUeFi9TKZBUEKqDl1rZRDB9UGcJ2KCr8C4W1
-----END PRIVATE KEY-----
`
