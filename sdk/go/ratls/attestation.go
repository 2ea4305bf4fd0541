package ratls

import (
	"crypto/sha512"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/Dstack-TEE/dstack/sdk/go/internal/rtmr"
)

const maxAttestation = 10 << 20

// evidence is what an attestation holds; nothing of it is proven.
type evidence struct {
	quote         []byte
	events        []rtmr.Event // the log; boot events may have been left out
	runtimeEvents []rtmr.Event // those of RTMR3 once more
	reportData    [64]byte
}

var errMalformed = errors.New("malformed attestation")

// decodeAttestation reads versioned attestations: version 0 is SCALE, version 1 MessagePack.
func decodeAttestation(encoded []byte) (*evidence, error) {
	switch {
	case len(encoded) > maxAttestation:
		return nil, fmt.Errorf("an attestation of more than %d bytes", maxAttestation)
	case len(encoded) == 0:
		return nil, errMalformed
	case encoded[0] == 0:
		return decodeAttestationV0(encoded[1:])
	}
	return decodeAttestationV1(encoded)
}

// scale reads SCALE. After the first failure it gives zeros.
type scale struct {
	rest   []byte
	failed bool
}

func (s *scale) take(n uint64) []byte {
	if s.failed || n > uint64(len(s.rest)) {
		s.failed = true
		return nil
	}
	taken := s.rest[:n:n]
	s.rest = s.rest[n:]
	return taken
}

func (s *scale) u8() byte {
	if taken := s.take(1); taken != nil {
		return taken[0]
	}
	return 0
}

func (s *scale) u32() uint32 {
	if taken := s.take(4); taken != nil {
		return binary.LittleEndian.Uint32(taken)
	}
	return 0
}

// length reads a compact number, which has one form only.
func (s *scale) length() uint64 {
	if s.failed || len(s.rest) == 0 {
		s.failed = true
		return 0
	}
	var value, smallest uint64
	switch s.rest[0] & 3 {
	case 0:
		return uint64(s.u8() >> 2)
	case 1:
		if two := s.take(2); two != nil {
			value, smallest = uint64(binary.LittleEndian.Uint16(two)>>2), 1<<6
		}
	case 2:
		value, smallest = uint64(s.u32()>>2), 1<<14
	default: // a number that no attestation needs
		s.failed = true
	}
	s.failed = s.failed || value < smallest
	return value
}

func (s *scale) bytes() []byte { return s.take(s.length()) }

func (s *scale) text() string {
	text := string(s.bytes())
	s.failed = s.failed || !utf8.ValidString(text)
	return text
}

func (s *scale) events(read func() rtmr.Event) []rtmr.Event {
	count := s.length()
	s.failed = s.failed || count > maxEvents
	var events []rtmr.Event
	for i := uint64(0); i < count && !s.failed; i++ {
		events = append(events, read())
	}
	return events
}

func decodeAttestationV0(encoded []byte) (*evidence, error) {
	s := &scale{rest: encoded}
	if kind := s.u8(); kind != 0 && !s.failed {
		return nil, fmt.Errorf("an attestation of another TEE than TDX (kind %d)", kind)
	}
	e := &evidence{quote: s.bytes()}
	e.events = s.events(func() rtmr.Event {
		event := rtmr.Event{IMR: int(s.u32()), EventType: s.u32()}
		event.Digest = hex.EncodeToString(s.bytes())
		event.Event = s.text()
		event.EventPayload = hex.EncodeToString(s.bytes())
		return event
	})
	e.runtimeEvents = s.events(func() rtmr.Event {
		event := rtmr.Event{IMR: runtimeRegister, EventType: runtimeEventType, Event: s.text()}
		event.EventPayload = hex.EncodeToString(s.bytes())
		return event
	})
	copy(e.reportData[:], s.take(64))
	s.text() // the configuration
	if s.failed || len(s.rest) > 0 {
		return nil, errMalformed
	}
	return e, nil
}

func decodeAttestationV1(encoded []byte) (*evidence, error) {
	root, err := unpack(encoded)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errMalformed, err)
	}
	if version, ok := root["version"].(int64); !ok || version != 1 {
		return nil, fmt.Errorf("an attestation of version %v", root["version"])
	}
	platform, stack := member(root, "platform"), member(root, "stack")
	if platform["kind"] != "tdx" {
		return nil, fmt.Errorf("an attestation of another TEE than TDX (%v)", platform["kind"])
	}
	return takeV1(member(platform, "data"), member(stack, "data"), stack["kind"])
}

func takeV1(tdx, stack map[string]any, kind any) (*evidence, error) {
	e := &evidence{}
	reportData, ok := octets(stack["report_data"])
	if !ok || len(reportData) != len(e.reportData) {
		return nil, fmt.Errorf("%w: report_data", errMalformed)
	}
	copy(e.reportData[:], reportData)
	if e.quote, ok = octets(tdx["quote"]); !ok {
		return nil, fmt.Errorf("%w: quote", errMalformed)
	}
	var err error
	if e.events, err = takeEvents(tdx["event_log"], true); err != nil {
		return nil, err
	}
	if e.runtimeEvents, err = takeEvents(stack["runtime_events"], false); err != nil {
		return nil, err
	}
	return e, checkPayload(stack, kind, e.reportData)
}

// checkPayload checks what an attestation says its report data was made of.
func checkPayload(stack map[string]any, kind any, reportData [64]byte) error {
	payload, given := stack["report_data_payload"].(string)
	switch {
	case kind == "dstack" && !given:
		return nil
	case kind == "dstack-pod" && given && sha512.Sum512([]byte("app-data:"+payload)) == reportData:
		return nil
	}
	return fmt.Errorf("%w: report_data is not made of report_data_payload", errMalformed)
}

func takeEvents(list any, full bool) ([]rtmr.Event, error) {
	items, ok := list.([]any)
	if !ok || len(items) > maxEvents {
		return nil, fmt.Errorf("%w: events", errMalformed)
	}
	events := make([]rtmr.Event, len(items))
	for i, item := range items {
		if ok = takeEvent(item, full, &events[i]); !ok {
			return nil, fmt.Errorf("%w: event %d", errMalformed, i)
		}
	}
	return events, nil
}

func takeEvent(item any, full bool, out *rtmr.Event) bool {
	fields, _ := item.(map[string]any)
	payloadKey := "payload"
	*out = rtmr.Event{IMR: runtimeRegister, EventType: runtimeEventType}
	if full {
		payloadKey = "event_payload"
		register, ok := fields["imr"].(int64)
		kind, okKind := fields["event_type"].(int64)
		digest, okDigest := octets(fields["digest"])
		if !ok || !okKind || !okDigest || register < 0 || register > runtimeRegister || kind < 0 || kind > 0xffffffff {
			return false
		}
		out.IMR, out.EventType, out.Digest = int(register), uint32(kind), hex.EncodeToString(digest)
		out.Preimage, _ = fields["preimage"].(string)
	}
	name, okName := fields["event"].(string)
	payload, okPayload := octets(fields[payloadKey])
	if version, given := fields["version"].(int64); given {
		number := uint32(version & 0xff) // others than 1 and 2 are refused when it is replayed
		if version != int64(number) {
			return false
		}
		out.Version = &number
	}
	out.Event, out.EventPayload = name, hex.EncodeToString(payload)
	return okName && okPayload
}
