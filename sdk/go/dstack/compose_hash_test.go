package dstack_test

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/Dstack-TEE/dstack/sdk/go/dstack"
)

const (
	textC = `{"a_status":true,"b_number":123,"docker_compose_file":"docker-compose.yml","id":"c73a3a4e-ce71-4c12-a1b7-78be1a2e48e0","nested":{"alpha":"first","gamma":3.14},"runner":"docker-compose","text":"你好世界","z_items":[3,1,2]}`
	textD = `{"runner":"bash","bash_script":"start.sh","docker_compose_file":"docker-compose.yml"}`
	textE = `{"runner":"docker-compose","docker_compose_file":"docker-compose.yml","pre_launch_script":""}`
)

func TestGetComposeHash(t *testing.T) {
	fileA := `services:\n  app:\n    image: test\n    ports:\n      - 8080:8080`
	fileB := `services:\n  web:\n    build: .\n    environment:\n      - NODE_ENV=production`
	composeA := dstack.AppCompose{ManifestVersion: 1, Name: "test-app", Runner: "docker-compose", DockerComposeFile: fileA}
	fileF := "a && b < c > d \u2028 / \" \\ \t\x7f🚀"
	for _, test := range []struct {
		name      string
		compose   any
		normalize bool
		want      string
	}{
		{"A", composeA, false, "988a2e3448a69facce5c9a9a91f9335f485bb0a996ddd06897a388a1340fafdd"},
		{"A by pointer", &composeA, false, "988a2e3448a69facce5c9a9a91f9335f485bb0a996ddd06897a388a1340fafdd"},
		{"B", dstack.AppCompose{ManifestVersion: 1, Name: "another-app", Runner: "docker-compose", DockerComposeFile: fileB}, false,
			"bb05251a8326f16fea9635efd05b9c019533570a5e1549a5da2a33fbf315b438"},
		{"C", json.RawMessage(textC), false, "0705386656362891629ac994406f4e31ba5c805b9638538df415c56768a504f4"},
		{"D", json.RawMessage(textD), false, "0449d0ea1c093c6e14efd1e55a36ebd0bc52d268b27af425f30055c35c7c0303"},
		{"D'", json.RawMessage(textD), true, "75a6f53f70c26c8f7b545f48c2f5ef2f76c27d13f7034be1021cf25f5d9853d2"},
		{"E", json.RawMessage(textE), false, "62b1427a78326534139e8107dcbab24a0cf74aed970e73401517311ec3265953"},
		{"E'", json.RawMessage(textE), true, "6148eabae40413a5c15aeab33343e7a219edc0cda2c2556add9a96ec76d61b11"},
		{"F", map[string]any{"runner": "docker-compose", "docker_compose_file": fileF}, false,
			"e2f999a28c92cef38ca4c2ae2d2ea61cbc6765df37f6320a04261fde56b37647"},
		{"F as struct", dstack.AppCompose{Runner: "docker-compose", DockerComposeFile: fileF}, false,
			"e2f999a28c92cef38ca4c2ae2d2ea61cbc6765df37f6320a04261fde56b37647"},
		{"G", json.RawMessage(`{"runner":"docker-compose","x":null}`), false,
			"c6fb131aaf77871c80da1952d67648cdc9274a2fa160b0324c91ef4904a790ad"},
		{"G with NaN", map[string]any{"runner": "docker-compose", "x": math.NaN()}, false,
			"c6fb131aaf77871c80da1952d67648cdc9274a2fa160b0324c91ef4904a790ad"},
		{"H", map[string]any{"runner": "docker-compose", "f": 1.0, "g": 1e21, "h": 1e-7, "n": math.Copysign(0, -1)}, false,
			"80e4198905a18d403fb87f2ad3c517c4d94643ba38ee3fb0a426ee1528392536"},
		{"I", dstack.AppCompose{Runner: "docker-compose", Extra: map[string]any{"m": map[string]int{"10": 1, "9": 2, "a": 3}}}, false,
			"8e766e7a53782b6ec14fde2ad6cf2abb7bbcd9b39b24d8ebe9590a4e9cdb2e92"},
		{"J", json.RawMessage("{}"), false, "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"},
	} {
		got, err := dstack.GetComposeHash(test.compose, test.normalize)
		if err != nil || got != test.want {
			t.Errorf("%s: got %s, %v", test.name, got, err)
		}
	}
}

func TestNormalize(t *testing.T) {
	for _, test := range []struct{ given, want string }{
		{`{"runner":"nerdctl-compose","bash_script":"x","docker_compose_file":"y"}`, `{"docker_compose_file":"y","runner":"nerdctl-compose"}`},
		{`{"runner":"other","bash_script":"x","docker_compose_file":"y","pre_launch_script":0.0}`, `{"bash_script":"x","docker_compose_file":"y","runner":"other"}`},
		{`{"pre_launch_script":null}`, `{}`},
		{`{"pre_launch_script":false}`, `{}`},
		{`{"pre_launch_script":"x"}`, `{"pre_launch_script":"x"}`},
		{`{"pre_launch_script":[]}`, `{"pre_launch_script":[]}`},
	} {
		got, err := dstack.CanonicalCompose(json.RawMessage(test.given), true)
		if err != nil || got != test.want {
			t.Errorf("%s: got %s, %v", test.given, got, err)
		}
	}
}

func TestNormalizeLeavesTheInput(t *testing.T) {
	compose := map[string]any{"runner": "bash", "docker_compose_file": "x", "pre_launch_script": ""}
	if _, err := dstack.GetComposeHash(compose, true); err != nil || len(compose) != 3 {
		t.Errorf("the map is now %v, %v", compose, err)
	}
}

func TestAppComposeMembers(t *testing.T) {
	no := false
	platforms := []dstack.RequirementPlatform{dstack.RequirementPlatformTdx}
	got, err := dstack.CanonicalCompose(dstack.AppCompose{
		Runner: "bash", AllowedEnvs: []string{}, PublicLogs: &no, KeyProvider: dstack.KeyProviderTPM,
		DockerConfig: &dstack.DockerConfig{Registry: "r"}, Requirements: &dstack.Requirements{Platforms: &platforms},
	})
	want := `{"allowed_envs":[],"docker_config":{"registry":"r"},"key_provider":"tpm","public_logs":false,"requirements":{"platforms":["dstack-tdx"]},"runner":"bash"}`
	if err != nil || got != want {
		t.Errorf("got %s, %v", got, err)
	}
}

func TestGetComposeHashRefuses(t *testing.T) {
	for _, compose := range []any{
		nil, 1, (*dstack.AppCompose)(nil), (map[string]any)(nil), json.RawMessage("[]"), json.RawMessage("{"), json.RawMessage("null"),
		json.RawMessage(`{"a":"\ud800"}`), json.RawMessage(`{"a":9007199254740992}`), map[string]any{"a": "\xff"},
	} {
		if got, err := dstack.GetComposeHash(compose); err == nil {
			t.Errorf("%v gave %s", compose, got)
		}
	}
}
