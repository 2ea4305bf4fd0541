package ratls

import (
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/Dstack-TEE/dstack/sdk/go/dcap"
)

// A whole attestation of version 1: quote 01 02 ff, one event and one runtime event "app-id" of 42.
var version1 = "83a776657273696f6e01a8706c6174666f726d82a46b696e64a3746478a46461746182a571756f7465930102ccff" +
	"a96576656e745f6c6f679185a3696d7203aa6576656e745f74797065ce08000001a6646967657374c400a56576656e74a66170702d6964" +
	"ad6576656e745f7061796c6f6164c40142a5737461636b82a46b696e64a664737461636ba46461746183ab7265706f72745f64617461dc0040" +
	strings.Repeat("00", 64) + "ae72756e74696d655f6576656e74739182a56576656e74a66170702d6964a77061796c6f6164c40142a6636f6e666967a27b7d"

func unhex(t *testing.T, text string) []byte {
	t.Helper()
	decoded, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return decoded
}

func TestDecodeVersion1(t *testing.T) {
	encoded := unhex(t, version1)
	e, err := decodeAttestation(encoded)
	if err != nil {
		t.Fatal(err)
	}
	if hex.EncodeToString(e.quote) != "0102ff" || len(e.events) != 1 || len(e.runtimeEvents) != 1 || e.reportData != [64]byte{} {
		t.Errorf("got %+v", e)
	}
	for _, event := range append(e.events, e.runtimeEvents...) {
		if event.IMR != 3 || event.EventType != 0x08000001 || event.Event != "app-id" || event.EventPayload != "42" {
			t.Errorf("got %+v", event)
		}
	}
	for size := range encoded {
		if _, err := decodeAttestation(encoded[:size]); err == nil {
			t.Fatalf("the first %d bytes were accepted", size)
		}
	}
}

func TestDecodeVersion1Refuses(t *testing.T) {
	for name, replace := range map[string][2]string{
		"version 2":         {"a776657273696f6e01", "a776657273696f6e02"},
		"another kind":      {"a46b696e64a3746478", "a46b696e64a3746479"},
		"register 4":        {"a3696d7203", "a3696d7204"},
		"another stack":     {"a664737461636b", "a664737461636c"},
		"a key twice":       {"a6636f6e666967a27b7d", "ab7265706f72745f64617461a27b7d"},
		"no byte":           {"0102ccff", "0102cdffff"},
		"a text that is no": {"a66170702d6964a7", "a6ff70702d6964a7"},
		"something more":    {"a27b7d", "a27b7d00"},
		"an unknown type":   {"a27b7d", "c1"},
	} {
		edited := strings.Replace(version1, replace[0], replace[1], 1)
		if _, err := decodeAttestation(unhex(t, edited)); err == nil || edited == version1 {
			t.Errorf("%s was accepted", name)
		}
	}
	if _, err := unpack([]byte(strings.Repeat("\x91", 100))); err == nil {
		t.Error("deep nesting was accepted")
	}
	if _, err := unpack([]byte{0xdd, 0xff, 0xff, 0xff, 0xff}); err == nil {
		t.Error("a huge array was accepted")
	}
}

// An attestation of the reference's simulator, which is not part of this repository.
func TestDecodeReference(t *testing.T) {
	directory := os.Getenv("DSTACK_SHARED_DIR")
	if directory == "" {
		directory = "../../../../shared"
	}
	encoded, err := os.ReadFile(filepath.Join(directory, "fixtures/attestation/dstack/simulator-next.attestation.bin"))
	if errors.Is(err, os.ErrNotExist) {
		t.Skip("there is no fixture: set DSTACK_SHARED_DIR")
	}
	if err != nil {
		t.Fatal(err)
	}
	e, err := decodeAttestation(encoded)
	if err != nil {
		t.Fatal(err)
	}
	quote, err := dcap.ParseQuote(e.quote)
	if err != nil || len(e.events) != 33 || len(e.runtimeEvents) != 9 {
		t.Fatalf("%d events, %d runtime events, %v", len(e.events), len(e.runtimeEvents), err)
	}
	events, err := runtimeEvents(e)
	if err != nil || len(events) != 9 || events[7].Name != "storage-fs" || string(events[7].Payload) != "zfs" {
		t.Errorf("got %v, %v", events, err)
	}
	if err := checkReplay(events, quote); err != nil {
		t.Error(err)
	}
	e.runtimeEvents[7].EventPayload = "65787434"
	if _, err := runtimeEvents(e); err == nil {
		t.Error("runtime events that differ from the log were accepted")
	}
	for size := 0; size < len(encoded); size += 11 {
		if _, err := decodeAttestation(encoded[:size]); err == nil {
			t.Fatalf("the first %d bytes were accepted", size)
		}
	}
}

func TestCheckSystemEvents(t *testing.T) {
	id := Event{"app-id", make([]byte, 20), 1}
	ready := Event{"system-ready", nil, 1}
	for name, test := range map[string]struct {
		events []Event
		good   bool
	}{
		"boot, then the app":  {[]Event{id, ready, {"anything: else", []byte("x"), 1}, id}, true},
		"a colon in a name":   {[]Event{{"app-id:x", nil, 1}, ready}, false},
		"an app id twice":     {[]Event{id, id, ready}, false},
		"a short app id":      {[]Event{{"app-id", make([]byte, 19), 1}}, false},
		"no instance id":      {[]Event{id, {"instance-id", nil, 1}, ready}, true},
		"a long compose hash": {[]Event{{"compose-hash", make([]byte, 33), 1}}, false},
		"none":                {nil, true},
	} {
		if err := checkSystemEvents(test.events); (err == nil) != test.good {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestParseEventLogRefuses(t *testing.T) {
	for _, log := range []string{
		`[{"imr":3,"event_type":1,"event":"a","event_payload":""}]`, `[{"imr":0,"event_type":134217729,"event":"a","event_payload":""}]`,
		`[{"imr":4,"event_type":1}]`, `[{"imr":-1,"event_type":1}]`, `[{"imr":3,"event_type":134217729,"event":"a","event_payload":"0"}]`,
		`[{"imr":3,"event_type":134217729,"event":"a","event_payload":"","version":3}]`, `{}`, `[`, `[{"imr":"3"}]`,
	} {
		events, err := parseEventLog([]byte(log))
		if err == nil {
			_, err = takeRuntimeEvents(events)
		}
		if err == nil {
			t.Errorf("%s was accepted", log)
		}
	}
}

func FuzzDecodeAttestation(f *testing.F) {
	seed, _ := hex.DecodeString(version1)
	f.Add(seed)
	f.Add([]byte{0, 0, 4, 1, 0, 0})
	f.Fuzz(func(t *testing.T, encoded []byte) {
		e, err := decodeAttestation(encoded)
		if (e == nil) == (err == nil) {
			t.Errorf("got %v, %v", e, err)
		}
		if err == nil {
			_, _ = runtimeEvents(e) // must not panic
		}
	})
}
