package ratls

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"

	"github.com/Dstack-TEE/dstack/sdk/go/dcap"
	"github.com/Dstack-TEE/dstack/sdk/go/internal/rtmr"
)

const (
	runtimeEventType = 0x08000001
	runtimeRegister  = 3
	lastSystemEvent  = "system-ready"
	maxEvents        = 4096
	maxLogSize       = 10 << 20
	maxPayload       = 1 << 20
)

// Event is an event of RTMR3 that was proven by replay.
type Event struct {
	Name    string
	Payload []byte
	Version int // 1 or 2: how it was hashed
}

// Events gives the events of RTMR3. Those after the first "system-ready" are the app's own words.
func (r *VerifyResult) Events() []Event { return slices.Clone(r.events) }

// Event gives the payload of what the system measured under a name before the app started, such as "app-id", "compose-hash",
// "instance-id" or "key-provider".
func (r *VerifyResult) Event(name string) (payload []byte, ok bool) {
	for _, event := range r.events {
		if event.Name == name {
			return slices.Clone(event.Payload), true
		}
		if event.Name == lastSystemEvent {
			break
		}
	}
	return nil, false
}

func parseEventLog(text []byte) ([]rtmr.Event, error) {
	if len(text) > maxLogSize {
		return nil, fmt.Errorf("more than %d bytes", maxLogSize)
	}
	var events []rtmr.Event
	if err := json.Unmarshal(text, &events); err != nil {
		return nil, err
	}
	return events, nil
}

// runtimeEvents gives the events of RTMR3, which an attestation may hold twice.
func runtimeEvents(e *evidence) ([]Event, error) {
	if len(e.events) > maxEvents || len(e.runtimeEvents) > maxEvents {
		return nil, fmt.Errorf("more than %d events", maxEvents)
	}
	logged, err := takeRuntimeEvents(e.events)
	if err != nil {
		return nil, err
	}
	again, err := takeRuntimeEvents(e.runtimeEvents)
	if err != nil {
		return nil, err
	}
	same := func(a, b Event) bool {
		return a.Name == b.Name && a.Version == b.Version && slices.Equal(a.Payload, b.Payload)
	}
	switch {
	case len(logged) == 0:
		logged = again
	case len(again) > 0 && !slices.EqualFunc(logged, again, same):
		return nil, errors.New("the log and the runtime events differ")
	}
	return logged, checkSystemEvents(logged)
}

func takeRuntimeEvents(log []rtmr.Event) ([]Event, error) {
	var events []Event
	for i, entry := range log {
		if entry.IMR < 0 || entry.IMR > runtimeRegister || (entry.IMR == runtimeRegister) != (entry.EventType == runtimeEventType) {
			return nil, fmt.Errorf("event %d: type %#x in register %d", i, entry.EventType, entry.IMR)
		}
		if entry.IMR != runtimeRegister {
			continue
		}
		payload, err := hex.DecodeString(entry.EventPayload)
		if err != nil || len(payload) > maxPayload {
			return nil, fmt.Errorf("event %d: the payload is not hex of at most %d bytes", i, maxPayload)
		}
		if _, err := rtmr.ReplayEvents([]rtmr.Event{entry}); err != nil { // the digest and preimage that are given
			return nil, err
		}
		version := 1
		if entry.Version != nil {
			version = int(*entry.Version)
		}
		events = append(events, Event{entry.Event, payload, version})
	}
	return events, nil
}

var (
	eventName    = regexp.MustCompile(`^[A-Za-z0-9._/-]{1,128}$`)
	payloadSizes = map[string][]int{
		"system-preparing": {0}, "app-id": {20}, "compose-hash": {32}, "instance-id": {0, 20}, "os-image-hash": {0, 32},
		"boot-mr-done": {0}, lastSystemEvent: {0},
	}
	onlyOnce = []string{"app-id", "compose-hash", "instance-id", "boot-mr-done", "key-provider"}
)

// checkSystemEvents refuses names and payloads that could stand for others with the same digest, and facts told twice.
func checkSystemEvents(events []Event) error {
	seen := map[string]bool{}
	for _, event := range events {
		if !eventName.MatchString(event.Name) {
			return fmt.Errorf("%q is not the name of a system event", event.Name)
		}
		if sizes, fixed := payloadSizes[event.Name]; fixed && !slices.Contains(sizes, len(event.Payload)) {
			return fmt.Errorf("event %q with %d bytes", event.Name, len(event.Payload))
		}
		if seen[event.Name] && slices.Contains(onlyOnce, event.Name) {
			return fmt.Errorf("event %q twice", event.Name)
		}
		seen[event.Name] = true
		if event.Name == lastSystemEvent {
			break
		}
	}
	return nil
}

func checkReplay(events []Event, quote *dcap.Quote) error {
	log := make([]rtmr.Event, len(events))
	for i, event := range events {
		version := uint32(event.Version)
		log[i] = rtmr.Event{IMR: runtimeRegister, EventType: runtimeEventType, Event: event.Name,
			EventPayload: hex.EncodeToString(event.Payload), Version: &version}
	}
	registers, err := rtmr.ReplayEvents(log)
	if err != nil {
		return err
	}
	if registers[runtimeRegister] != hex.EncodeToString(quote.Report.RTMR[runtimeRegister][:]) {
		return errors.New("rtmr mismatch: the event log does not replay to RTMR3")
	}
	return nil
}
