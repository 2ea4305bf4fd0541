package dstack

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"

	"github.com/Dstack-TEE/dstack/sdk/go/internal/canonical"
)

// KeyProviderKind says where an app's keys come from.
type KeyProviderKind string

const (
	KeyProviderNone  KeyProviderKind = "none"
	KeyProviderKMS   KeyProviderKind = "kms"
	KeyProviderLocal KeyProviderKind = "local"
	KeyProviderTPM   KeyProviderKind = "tpm"
)

// DockerConfig is how the app logs in to its registry.
type DockerConfig struct {
	Registry string `json:"registry"`
	Username string `json:"username"`
	TokenKey string `json:"token_key"`
}

// RequirementPlatform is a platform an app may run on.
type RequirementPlatform string

const (
	RequirementPlatformTdx       RequirementPlatform = "dstack-tdx"
	RequirementPlatformGcpTdx    RequirementPlatform = "dstack-gcp-tdx"
	RequirementPlatformAmdSevSnp RequirementPlatform = "dstack-amd-sev-snp"
	RequirementPlatformNitro     RequirementPlatform = "dstack-nitro-enclave"
)

// Requirements is what an app demands of the guest it runs in.
type Requirements struct {
	OsVersion            string                 `json:"os_version"`
	Platforms            *[]RequirementPlatform `json:"platforms"`
	TdxMeasureAcpiTables *bool                  `json:"tdx_measure_acpi_tables"`
	LaunchTokenHash      string                 `json:"launch_token_hash"`
}

// AppCompose is the content of an app-compose.json. Members with the zero value are left out, except Runner.
type AppCompose struct {
	ManifestVersion         any             `json:"manifest_version"` // a number or a string
	Name                    string          `json:"name"`
	Features                []string        `json:"features"`
	Runner                  string          `json:"runner"`
	Snapshotter             string          `json:"snapshotter"`
	DockerComposeFile       string          `json:"docker_compose_file"`
	DockerConfig            *DockerConfig   `json:"docker_config"`
	PublicLogs              *bool           `json:"public_logs"`
	PublicSysinfo           *bool           `json:"public_sysinfo"`
	PublicTcbinfo           *bool           `json:"public_tcbinfo"`
	KmsEnabled              *bool           `json:"kms_enabled"`
	GatewayEnabled          *bool           `json:"gateway_enabled"`
	TproxyEnabled           *bool           `json:"tproxy_enabled"` // old name of gateway_enabled
	LocalKeyProviderEnabled *bool           `json:"local_key_provider_enabled"`
	KeyProvider             KeyProviderKind `json:"key_provider"`
	KeyProviderID           string          `json:"key_provider_id"` // hex
	AllowedEnvs             []string        `json:"allowed_envs"`
	NoInstanceID            *bool           `json:"no_instance_id"`
	SecureTime              *bool           `json:"secure_time"`
	Requirements            *Requirements   `json:"requirements"`
	BashScript              string          `json:"bash_script"`
	PreLaunchScript         string          `json:"pre_launch_script"`

	Extra map[string]any `json:"-"` // members that have no field here
}

// GetComposeHash returns the hex SHA-256 of an app's canonical app-compose.json: an [AppCompose] or *[AppCompose], a
// map[string]any, or a json.RawMessage. With normalize, members which the runner does not use are left out first.
//
// A guest measures the file as deployed, byte for byte: the hash predicts that only for a file that holds exactly the text
// which [CanonicalCompose] returns.
func GetComposeHash(appCompose any, normalize ...bool) (string, error) {
	text, err := CanonicalCompose(appCompose, normalize...)
	if err != nil {
		return "", err
	}
	hash := sha256.Sum256([]byte(text))
	return hex.EncodeToString(hash[:]), nil
}

// CanonicalCompose returns the text which [GetComposeHash] hashes.
func CanonicalCompose(appCompose any, normalize ...bool) (string, error) {
	members, err := composeMembers(appCompose)
	if err != nil {
		return "", err
	}
	if len(normalize) > 0 && normalize[0] {
		members = normalizeCompose(members)
	}
	text, err := canonical.Marshal(members)
	return string(text), err
}

func composeMembers(appCompose any) (map[string]any, error) {
	switch compose := appCompose.(type) {
	case AppCompose:
		return setMembers(reflect.ValueOf(compose), compose.Extra), nil
	case *AppCompose:
		if compose != nil {
			return setMembers(reflect.ValueOf(*compose), compose.Extra), nil
		}
	case map[string]any:
		if compose != nil {
			return compose, nil
		}
	case json.RawMessage:
		value, err := canonical.Parse(compose)
		if err != nil {
			return nil, fmt.Errorf("failed to parse the app compose: %w", err)
		}
		if members, ok := value.(map[string]any); ok {
			return members, nil
		}
	}
	return nil, fmt.Errorf("expected an AppCompose, a map[string]any or a JSON object, got %T", appCompose)
}

// setMembers returns the members of a struct that are not their zero values, and runner.
func setMembers(object reflect.Value, extra map[string]any) map[string]any {
	members := make(map[string]any)
	for i := range object.NumField() {
		name, field := object.Type().Field(i).Tag.Get("json"), object.Field(i)
		if name == "-" || field.IsZero() && name != "runner" {
			continue
		}
		members[name] = memberValue(field)
	}
	maps.Copy(members, extra)
	return members
}

func memberValue(field reflect.Value) any {
	if field.Kind() == reflect.Pointer && field.Elem().Kind() == reflect.Struct {
		return setMembers(field.Elem(), nil)
	}
	return field.Interface()
}

func normalizeCompose(members map[string]any) map[string]any {
	members = maps.Clone(members)
	runner, _ := members["runner"].(string)
	switch runner {
	case "bash":
		delete(members, "docker_compose_file")
	case "docker-compose", "nerdctl-compose":
		delete(members, "bash_script")
	}
	if isFalsy(members["pre_launch_script"]) {
		delete(members, "pre_launch_script")
	}
	return members
}

// isFalsy tells whether a value is null, false, 0 or "".
func isFalsy(value any) bool {
	text, err := canonical.Marshal(value)
	switch string(text) {
	case "null", "false", "0", `""`:
		return err == nil
	}
	return false
}
