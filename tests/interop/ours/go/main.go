// The interop round of the Go SDK: uses all of it once and prints what it got.
package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log"
	"log/slog"
	"os"
	"strings"

	"github.com/Dstack-TEE/dstack/sdk/go/dstack"
	"github.com/Dstack-TEE/dstack/sdk/go/tappd"
)

type inputs struct {
	Compose []struct {
		Name      string          `json:"name"`
		Normalize bool            `json:"normalize"`
		Compose   json.RawMessage `json:"compose"`
	} `json:"compose"`
	Env struct {
		PublicKey string          `json:"public_key"`
		Variables []dstack.EnvVar `json:"variables"`
	} `json:"env"`
	EnvSigner struct {
		PublicKey string `json:"public_key"`
		Signature string `json:"signature"`
		AppID     string `json:"app_id"`
	} `json:"env_signer"`
}

type round struct {
	ctx    context.Context
	client *dstack.DstackClient
	tappd  *tappd.TappdClient
	in     inputs
	out    map[string]any
}

// must ends the round: a value that is missing for an error would be a difference without a reason.
func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}

func main() {
	slog.SetDefault(slog.New(slog.NewTextHandler(os.Stderr, nil)))
	r := &round{ctx: context.Background(), client: dstack.NewDstackClient(), tappd: tappd.NewTappdClient(), out: map[string]any{"sdk": sdkName}}
	if err := json.Unmarshal(must(os.ReadFile(os.Getenv("INTEROP_INPUTS"))), &r.in); err != nil {
		log.Fatal(err)
	}
	r.info()
	r.keys()
	r.tlsKeys()
	r.quote()
	r.event()
	r.legacy()
	r.offline()
	r.newer()
	fmt.Println(string(must(json.Marshal(r.out))))
}

func (r *round) info() {
	info := must(r.client.Info(r.ctx))
	tcb := must(info.DecodeTcbInfo())
	for name, value := range map[string]string{
		"app_id": info.AppID, "instance_id": info.InstanceID, "app_name": info.AppName, "device_id": info.DeviceID,
		"mr_aggregated": info.MrAggregated, "os_image_hash": info.OsImageHash, "compose_hash": info.ComposeHash,
		"key_provider_info": info.KeyProviderInfo, "vm_config": info.VmConfig, "mrtd": tcb.Mrtd, "rtmr0": tcb.Rtmr0,
		"rtmr1": tcb.Rtmr1, "rtmr2": tcb.Rtmr2, "rtmr3": tcb.Rtmr3, "app_compose": tcb.AppCompose,
	} {
		r.out["info."+name] = value
	}
}

func (r *round) keys() {
	key := func(path, purpose, algorithm string) *dstack.GetKeyResponse {
		return must(r.client.GetKey(r.ctx, path, purpose, algorithm))
	}
	r.out["key.default"] = key("", "", "").Key
	for name, key := range map[string]*dstack.GetKeyResponse{
		"key.wallet": key("test/wallet", "ethereum", ""), "key.signing": key("test/signing", "solana", ""), "key.ed25519": key("/", "test", "ed25519"),
	} {
		r.out[name], r.out[name+".chain"] = key.Key, key.SignatureChain
	}
	r.out["key.alice"] = key("user/alice", "mainnet", "").Key
	r.out["ethereum.address"] = strings.ToLower(must(dstack.ToEthereumAccount(key("eth/test", "wallet", ""))).Address.Hex())
	r.out["solana.public_key"] = must(dstack.ToSolanaKeypair(key("sol/test", "wallet", ""))).PublicKeyString()
	_, err := r.client.GetKey(r.ctx, "/", "", "no-such-algorithm")
	r.out["error.names_cause"] = err != nil && strings.Contains(err.Error(), "algorithm")
}

func (r *round) tlsKeys() {
	names := dstack.WithAltNames([]string{"a.interop.example", "b.interop.example"})
	first := must(r.client.GetTlsKey(r.ctx, dstack.WithSubject("interop.example"), names))
	second := must(r.client.GetTlsKey(r.ctx, dstack.WithSubject("interop.example"), names))
	r.out["tls.pem"] = strings.HasPrefix(first.Key, "-----BEGIN PRIVATE KEY-----")
	r.out["tls.chain_length"] = len(first.CertificateChain)
	r.out["tls.fresh"] = first.Key != second.Key
}

func registers(quote []byte) []string {
	list := make([]string, 4)
	for i := range list {
		list[i] = hex.EncodeToString(quote[376+48*i : 424+48*i])
	}
	return list
}

func (r *round) quote() {
	answer := must(r.client.GetQuote(r.ctx, []byte("interop")))
	quote := must(answer.DecodeQuote())
	r.out["quote.report_data"] = hex.EncodeToString(quote[568:632])
	r.out["quote.rtmrs"] = registers(quote)
	r.out["quote.replayed"] = replayAll(answer)
	events := []string{}
	for _, event := range must(answer.DecodeEventLog()) {
		events = append(events, event.Event)
	}
	r.out["quote.events"] = events
	r.out["quote.vm_config"] = answer.VmConfig
	_, err := r.client.GetQuote(r.ctx, make([]byte, 65))
	r.out["quote.refuses_65"] = err != nil
}

func (r *round) event() {
	if err := r.client.EmitEvent(r.ctx, "test-event", []byte("test payload")); err != nil {
		log.Fatal(err)
	}
	answer := must(r.client.GetQuote(r.ctx, []byte("interop")))
	events := must(answer.DecodeEventLog())
	last := events[len(events)-1]
	r.out["event.last"] = map[string]string{"event": last.Event, "event_payload": last.EventPayload, "digest": last.Digest}
	replayed := replayAll(answer)
	r.out["event.replayed"] = replayed[3]
	r.out["event.matches"] = replayed[3] == registers(must(answer.DecodeQuote()))[3]
	r.out["event.refuses_empty"] = r.client.EmitEvent(r.ctx, "", nil) != nil
}

func (r *round) legacy() {
	der := must(must(r.tappd.DeriveKey(r.ctx, "/")).ToBytes(-1))
	r.out["tappd.scalar"] = hex.EncodeToString(der[36:68])
	raw := make([]byte, 64)
	for i := range raw {
		raw[i] = byte(i)
	}
	reportData := func(data []byte, algorithm tappd.QuoteHashAlgorithm) string {
		answer := must(r.tappd.TdxQuoteWithHashAlgorithm(r.ctx, data, algorithm))
		return hex.EncodeToString(must(hex.DecodeString(answer.Quote))[568:632])
	}
	r.out["tappd.raw_report_data"] = reportData(raw, tappd.RAW)
	r.out["tappd.sha256_report_data"] = reportData([]byte("test"), tappd.SHA256)
	r.out["tappd.app_id"] = must(r.tappd.Info(r.ctx)).AppID
}

func (r *round) offline() {
	for _, entry := range r.in.Compose {
		r.out["compose."+entry.Name] = composeHash(entry.Compose, entry.Normalize)
	}
	r.out["env.encrypted"] = must(dstack.EncryptEnvVars(r.in.Env.Variables, r.in.Env.PublicKey))
	key := must(hex.DecodeString(r.in.EnvSigner.PublicKey))
	signature := must(hex.DecodeString(r.in.EnvSigner.Signature))
	signer := must(dstack.VerifyEnvEncryptPublicKey(key, signature, r.in.EnvSigner.AppID))
	r.out["env.signer"] = string(signer)
	signer, err := dstack.VerifyEnvEncryptPublicKey(key, make([]byte, 65), r.in.EnvSigner.AppID)
	r.out["env.signer_invalid"] = err != nil || signer == nil
}

func (r *round) newer() {
	for _, algorithm := range []string{"ed25519", "secp256k1"} {
		signed := must(r.client.Sign(r.ctx, algorithm, []byte("test message")))
		r.out["sign."+algorithm] = hex.EncodeToString(signed.Signature)
		r.out["sign."+algorithm+".public_key"] = hex.EncodeToString(signed.PublicKey)
		if algorithm == "ed25519" {
			verify := func(data string) bool {
				return must(r.client.Verify(r.ctx, algorithm, []byte(data), signed.Signature, signed.PublicKey)).Valid
			}
			r.out["sign.verified"], r.out["sign.verified_other"] = verify("test message"), verify("other message")
		}
	}
	r.out["version.version"] = must(r.client.GetVersion(r.ctx)).Version
	r.out["attest.length_over_0"] = len(must(r.client.Attest(r.ctx, []byte("interop"))).Attestation) > 0
	r.out["gpu_info"] = must(r.client.GpuInfo(r.ctx)).Attestation
}
