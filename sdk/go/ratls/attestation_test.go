package ratls

import (
	"crypto/x509"
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

func TestReportData(t *testing.T) {
	for _, test := range [][2]string{
		{"3059301306072a8648ce3d020106082a8648ce3d0301070342000419b2457dd9b8aa6446d980f136fff7812ecd6c77740eeb0e28b10d56c0c00028a5b6e59dcea307d583bd1f70769e9c116df2bcfb1758a95d8613e7de1c8482c0",
			"2d3a4b5a928758be8ffa0de31cbb716d1c5969c244b165c414d9dc3cadee93d8497d9d099beae3832a5f17798c18a08a8b407fdaed3b22aba002492a4402cd3b"},
		{"3059301306072a8648ce3d020106082a8648ce3d030107034200044e27961a1976e4d9c56d21536bbb06ca5f740876f8a9828795c576dd857b99aff60d063e716147858bd4ca6415042aa0e5d6b6510c1f5419c276282afc0b85b5",
			"e4412d461185a344bba8407c2bcff500b63728b7ca2c8e09c9415ffd0b66b8cc6eb06c86b6c2669f9ea5ec76ffbf82c704564a66816fd0458cd9a67ff65fc7da"},
	} {
		got := reportData(&x509.Certificate{RawSubjectPublicKeyInfo: unhex(t, test[0])})
		if hex.EncodeToString(got[:]) != test[1] {
			t.Errorf("got %x", got)
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
