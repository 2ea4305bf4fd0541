package dstack

import (
	"bytes"
	"crypto/ecdh"
	"encoding/hex"
	"strings"
	"testing"
)

func fromHex(t *testing.T, text string) []byte {
	t.Helper()
	data, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestSealEnvVars(t *testing.T) {
	const want = "1cf579aba45a10ba1d1ef06d91fca2aa9ed0a1150515653155405d0b18cb9a67000102030405060708090a0bb3b0442824225323d917c863c93fbe0d9f2e9867b334d69b34c7489b9a87c3f3c53c545fcfc5a1c819277baed0814fba7b8da935159fadf5802dde530881c1beb46bd77eb38de81d00388b02f10e199b9d920d01ed3f0f3cc5bf"
	recipient, err := ecdh.X25519().NewPrivateKey(fromHex(t, "ca1a3895d9d613287fc14034d0ec60abb5089896e7c8fd7c2f02bd91fa0076aa"))
	if err != nil {
		t.Fatal(err)
	}
	if got := hex.EncodeToString(recipient.PublicKey().Bytes()); got != "298710e105127bf86fb44f5ca549727fff93e7f2a6bde7cc79d01dbf5bc12a06" {
		t.Errorf("public key %s", got)
	}
	ephemeral, err := ecdh.X25519().NewPrivateKey(bytes.Repeat([]byte{0x77}, 32))
	if err != nil {
		t.Fatal(err)
	}
	envs := []EnvVar{{"FOO", "bar"}, {"MSG", "Hello 世界"}}
	got, err := sealEnvVars(envs, recipient.PublicKey(), ephemeral, fromHex(t, "000102030405060708090a0b"))
	if err != nil || got != want {
		t.Errorf("got %s, %v", got, err)
	}
}

func TestEnvVarsJSON(t *testing.T) {
	for _, test := range []struct {
		envs []EnvVar
		want string
	}{
		{nil, `{"env":[]}`},
		{[]EnvVar{{"B", "<&>"}, {"A", ""}}, `{"env":[{"key":"B","value":"<&>"},{"key":"A","value":""}]}`},
	} {
		got, err := envVarsJSON(test.envs)
		if err != nil || string(got) != test.want {
			t.Errorf("got %s, %v", got, err)
		}
	}
}

func TestEncryptEnvVars(t *testing.T) {
	const key = "298710e105127bf86fb44f5ca549727fff93e7f2a6bde7cc79d01dbf5bc12a06"
	first, err := EncryptEnvVars([]EnvVar{{"A", "1"}}, key)
	if err != nil {
		t.Fatal(err)
	}
	second, err := EncryptEnvVars([]EnvVar{{"A", "1"}}, "0x"+key)
	if err != nil || first == second || len(first) != 2*(44+16+len(`{"env":[{"key":"A","value":"1"}]}`)) {
		t.Errorf("got %s and %s, %v", first, second, err)
	}
	for _, bad := range []string{"", key[2:], key + "00", "zz" + key[2:], strings.Repeat("00", 32)} {
		if got, err := EncryptEnvVars(nil, bad); err == nil {
			t.Errorf("key %q gave %s", bad, got)
		}
	}
}
