package dcap

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// object is a JSON object whose members are text still, exactly as they were received.
type object struct {
	name    string // for errors
	members map[string]json.RawMessage
}

// parseObject refuses what encoding/json lets pass: a member twice, and anything after the object.
func parseObject(name string, text []byte) (object, error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	result := object{name, map[string]json.RawMessage{}}
	if token, err := decoder.Token(); err != nil || token != json.Delim('{') {
		return result, fmt.Errorf("%s: expected an object", name)
	}
	for decoder.More() {
		key, err := decoder.Token()
		if err != nil {
			return result, fmt.Errorf("%s: %w", name, err)
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return result, fmt.Errorf("%s: %w", name, err)
		}
		text := key.(string) // decoders give no other key
		if _, again := result.members[text]; again {
			return result, fmt.Errorf("%s: member %q twice", name, text)
		}
		result.members[text] = value
	}
	if _, err := decoder.Token(); err != nil {
		return result, fmt.Errorf("%s: %w", name, err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return result, fmt.Errorf("%s: something after the object", name)
	}
	return result, nil
}

func (o object) has(key string) bool { return o.members[key] != nil }

// get decodes a member that must be there and not null.
func (o object) get(key string, value any) error {
	text := o.members[key]
	if text == nil || string(text) == "null" {
		return fmt.Errorf("%s: no member %q", o.name, key)
	}
	if err := json.Unmarshal(text, value); err != nil {
		return fmt.Errorf("%s.%s: %w", o.name, key, err)
	}
	return nil
}

func (o object) text(key string) (string, error) {
	var value string
	err := o.get(key, &value)
	return value, err
}

func (o object) hex(key string) ([]byte, error) {
	text, err := o.text(key)
	if err != nil {
		return nil, err
	}
	value, err := hex.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("%s.%s: %w", o.name, key, err)
	}
	return value, nil
}

// fixedHex fills out, whose size is the only one allowed.
func (o object) fixedHex(key string, out []byte) error {
	value, err := o.hex(key)
	if err != nil {
		return err
	}
	if len(value) != len(out) {
		return fmt.Errorf("%s.%s: %d bytes, expected %d", o.name, key, len(value), len(out))
	}
	copy(out, value)
	return nil
}

func (o object) time(key string) (time.Time, error) {
	text, err := o.text(key)
	if err != nil {
		return time.Time{}, err
	}
	value, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, fmt.Errorf("%s.%s: %w", o.name, key, err)
	}
	return value, nil
}

func (o object) object(key string) (object, error) {
	if !o.has(key) {
		return object{}, fmt.Errorf("%s: no member %q", o.name, key)
	}
	return parseObject(o.name+"."+key, o.members[key])
}

// objects gives the members of an array of objects.
func (o object) objects(key string, most int) ([]object, error) {
	var items []json.RawMessage
	if err := o.get(key, &items); err != nil {
		return nil, err
	}
	if len(items) > most {
		return nil, fmt.Errorf("%s.%s: more than %d", o.name, key, most)
	}
	parsed := make([]object, len(items))
	for i, item := range items {
		var err error
		if parsed[i], err = parseObject(fmt.Sprintf("%s.%s[%d]", o.name, key, i), item); err != nil {
			return nil, err
		}
	}
	return parsed, nil
}
