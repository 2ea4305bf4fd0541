package rtmr

import (
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"
)

type entry map[string]any

func runtimeEvent(name, payload string) entry {
	return entry{"imr": 3, "event_type": 0x08000001, "event": name, "event_payload": payload, "digest": ""}
}

func replay3(t *testing.T, events ...entry) (string, error) {
	t.Helper()
	log, err := json.Marshal(events)
	if err != nil {
		t.Fatal(err)
	}
	values, err := Replay(string(log))
	return values[3], err
}

func text(s string) string { return hex.EncodeToString([]byte(s)) }

func TestReplay(t *testing.T) {
	boot := []entry{
		runtimeEvent("system-preparing", ""), runtimeEvent("app-id", strings.Repeat("11", 20)),
		runtimeEvent("compose-hash", strings.Repeat("22", 32)), runtimeEvent("instance-id", strings.Repeat("33", 20)),
		runtimeEvent("boot-mr-done", ""),
	}
	got, err := replay3(t, boot...)
	if want := "51e6737cc37085e270f04c1719caf0bb97a2d7e4396f570793ce9d61da7672cfeb07f01e154cb615295785002e931c47"; err != nil || got != want {
		t.Errorf("after boot-mr-done: %s, %v", got, err)
	}
	got, err = replay3(t, append(boot, runtimeEvent("key-provider", text(`{"name":"none","id":""}`)),
		runtimeEvent("storage-fs", text("ext4")), runtimeEvent("system-ready", ""))...)
	if want := "296998af2d9339c537e7d10f98e0cfdecddfeb7e71dfa5bdc881fce5d1f9ea269b140e7bfaf07228d563c358292947a5"; err != nil || got != want {
		t.Errorf("after system-ready: %s, %v", got, err)
	}
}

// The reference's fixture, with the digests it gives.
func TestReplayGivenDigests(t *testing.T) {
	keyProvider := text(`{"name":"kms","id":"3059301306072a8648ce3d020106082a8648ce3d0301070342000419b2457dd9b8aa6446d980f136fff7812ecd6c77740eeb0e28b10d56c0c00028a5b6e59dcea307d583bd1f70769e9c116df2bcfb1758a95d8613e7de1c8482c0"}`)
	var log []entry
	for _, e := range [][3]string{
		{"system-preparing", "", "f9974020ef507068183313d0ca808e0d1ca9b2d1ad0c61f5784e7157c362c06536f5ddacdad4451693f48fcc72fff624"},
		{"app-id", "ea549f02e1a25fabd1cb788380e033ec5461b2ff", "b01c7a2e6a406ae9cd5aa81451e4614e112b8f404df12e6ef506962c1a5279a94dc58da0923c4b7db89e26da9e538302"},
		{"compose-hash", "ea549f02e1a25fabd1cb788380e033ec5461b2ffe4328d753642cf035452e48b", "9c1fecc259af1e8494484a391bdef460cb74d677c76dd114b1e9e7fac343da4e773b2b0eb8df7a6fc0dd8ba5edbb30e1"},
		{"instance-id", "59df8036b824b0aac54f8998b9e1fb2a0cfc5d3a", "a8dc2d07060d74dfba7b4942411bcf93ae198da42d172860f0c6dcb9207198a2c857a4b0e57bb019d68be072074a2d01"},
		{"boot-mr-done", "", "98bd7e6bd3952720b65027fd494834045d06b4a714bf737a06b874638b3ea00ff402f7f583e3e3b05e921c8570433ac6"},
		{"key-provider", keyProvider, "cc0ae424f1335f3059359f712f72f0aebee7a01fba2e4d527f3ea9299bac808a3ea1f8ae2982875fb3c9697fd6f4a5f2"},
		{"system-ready", "", "1a76b2a80a0be71eae59f80945d876351a7a3fb8e9fd1ff1cede5734aa84ea11fd72b4edfbb6f04e5a85edd114c751bd"},
	} {
		event := runtimeEvent(e[0], e[1])
		event["digest"] = e[2]
		log = append(log, event)
	}
	got, err := replay3(t, log...)
	if want := "6d1a3da994b6611ee602f25f07b41671ece90cd2898689f1ad4448fdf1155e3668736cca4499659caae2d8044070de57"; err != nil || got != want {
		t.Errorf("got %s, %v", got, err)
	}
}

// Events that an app emits.
func TestReplayEmittedDigests(t *testing.T) {
	for _, e := range [][3]string{
		{"test-event", text("test payload"), "abe9f116c7758a01f0436a6ae38edf31cd59e6681ab97fbc8be4d34945c723f4ccbfa112e4ca41bb7feafe124c86adc0"},
		{"custom-event", "deadbeef", "932d89c58e4b06531792f52cae148160c71aed5eef155b3294b2ca88e85b4b9b96753526c082a4cf90fd39ffe6ee2fd9"},
	} {
		event := runtimeEvent(e[0], e[1])
		event["digest"] = e[2]
		if _, err := replay3(t, event); err != nil { // compares the digest
			t.Error(err)
		}
	}
}

func TestReplayEmpty(t *testing.T) {
	values, err := Replay("[]")
	if err != nil || len(values) != 4 || values[0] != Init || len(Init) != 96 {
		t.Errorf("got %v, %v", values, err)
	}
}

func TestReplayPadsShortDigests(t *testing.T) {
	short, err := replay3(t, entry{"imr": 3, "event_type": 1, "digest": "ab"})
	if err != nil {
		t.Fatal(err)
	}
	padded, err := replay3(t, entry{"imr": 3, "event_type": 1, "digest": "ab" + strings.Repeat("00", 47)})
	if err != nil || short != padded {
		t.Errorf("short %s, padded %s, %v", short, padded, err)
	}
}

func TestReplaySecondVersion(t *testing.T) {
	event := runtimeEvent("compose-hash", "abcd")
	event["version"] = 2
	derived, err := replay3(t, event)
	if err != nil {
		t.Fatal(err)
	}
	event["digest"] = "9dde1673f544faa94b921825209593ddde08d0baf9cd6990175dffaf3081f1bb10311d56de189491feb33842a050ad7b"
	event["preimage"] = text(`{"name":"compose-hash","payload":"abcd","type":134217729}`)
	given, err := replay3(t, event)
	if err != nil || given != derived {
		t.Errorf("derived %s, given %s, %v", derived, given, err)
	}
	event["preimage"] = text(`{"name":"compose-hash","payload":"abcd","type":134217730}`)
	if _, err := replay3(t, event); err == nil {
		t.Error("a preimage of another event was accepted")
	}
}

func TestReplayRefuses(t *testing.T) {
	with := func(key string, value any) entry {
		event := runtimeEvent("a", "00")
		event[key] = value
		return event
	}
	for _, event := range []entry{
		with("digest", "zz"), with("digest", "abc"), with("event_payload", "0"), with("version", 3), with("version", 0),
		with("digest", strings.Repeat("ab", 48)), with("preimage", "xy"), with("event_type", -1),
		{"imr": 0, "event_type": 1, "digest": "abx"},
	} {
		if got, err := replay3(t, event); err == nil {
			t.Errorf("%v gave %s", event, got)
		}
	}
	for _, log := range []string{"", "{}", "[", `[{"imr":"0"}]`} {
		if _, err := Replay(log); err == nil {
			t.Errorf("log %q was accepted", log)
		}
	}
}
