// Package rtmr replays event logs: it computes the runtime measurement registers that the events lead to.
package rtmr

import (
	"bytes"
	"crypto/sha512"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/Dstack-TEE/dstack/sdk/go/internal/canonical"
)

const (
	// Init is a register before any event, in hex.
	Init = "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"

	registers        = 4
	size             = sha512.Size384
	runtimeEventType = 0x08000001
)

// Event is an entry of an event log, bytes in hex.
type Event struct {
	IMR          int     `json:"imr"`
	EventType    uint32  `json:"event_type"`
	Digest       string  `json:"digest"`
	Event        string  `json:"event"`
	EventPayload string  `json:"event_payload"`
	Version      *uint32 `json:"version"`
	Preimage     string  `json:"preimage"`
}

// Replay computes the four registers, in hex, from the JSON text of an event log.
func Replay(log string) (map[int]string, error) {
	var events []Event
	if err := json.Unmarshal([]byte(log), &events); err != nil {
		return nil, fmt.Errorf("failed to parse the event log: %w", err)
	}
	return ReplayEvents(events)
}

// ReplayEvents computes the four registers, in hex, that events lead to.
func ReplayEvents(events []Event) (map[int]string, error) {
	values := [registers][]byte{}
	for i := range values {
		values[i] = make([]byte, size)
	}
	for i, event := range events {
		if event.IMR < 0 || event.IMR >= registers {
			continue
		}
		digest, err := event.digest()
		if err != nil {
			return nil, fmt.Errorf("event %d of the log: %w", i, err)
		}
		sum := sha512.Sum384(append(values[event.IMR], digest...))
		values[event.IMR] = sum[:]
	}
	result := make(map[int]string, registers)
	for i, value := range values {
		result[i] = hex.EncodeToString(value)
	}
	return result, nil
}

// digest returns what the event extended its register with: computed for dstack's own events, else as the log says.
func (e *Event) digest() ([]byte, error) {
	given, err := hex.DecodeString(e.Digest)
	if err != nil {
		return nil, fmt.Errorf("digest: %w", err)
	}
	if e.EventType != runtimeEventType {
		return append(given, make([]byte, max(0, size-len(given)))...), nil
	}
	preimage, err := e.preimage()
	if err != nil {
		return nil, err
	}
	computed := sha512.Sum384(preimage)
	if len(given) > 0 && !bytes.Equal(given, computed[:]) {
		return nil, fmt.Errorf("digest of %q is not that of its name and payload", e.Event)
	}
	return computed[:], nil
}

func (e *Event) preimage() ([]byte, error) {
	payload, err := hex.DecodeString(e.EventPayload)
	if err != nil {
		return nil, fmt.Errorf("event_payload: %w", err)
	}
	var computed []byte
	switch {
	case e.Version == nil || *e.Version == 1:
		computed = binary.LittleEndian.AppendUint32(nil, e.EventType)
		computed = append(append(computed, ':'), e.Event...)
		computed = append(append(computed, ':'), payload...)
	case *e.Version == 2:
		text := map[string]any{"name": e.Event, "payload": hex.EncodeToString(payload), "type": e.EventType}
		if computed, err = canonical.Marshal(text); err != nil {
			return nil, err
		}
	default:
		return nil, fmt.Errorf("unknown event version %d", *e.Version)
	}
	if e.Preimage == "" {
		return computed, nil
	}
	given, err := hex.DecodeString(e.Preimage)
	if err != nil {
		return nil, fmt.Errorf("preimage: %w", err)
	}
	if !bytes.Equal(given, computed) {
		return nil, errors.New("preimage is not that of the event's name and payload")
	}
	return computed, nil
}
