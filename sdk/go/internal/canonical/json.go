// Package canonical prints JSON in the one form whose hash all dstack SDKs agree on: members sorted by code point, no
// white space, minimal escapes, numbers as ECMAScript prints them.
package canonical

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

const (
	maxDepth       = 128
	maxSafeInteger = 1<<53 - 1 // the largest integer that every JSON implementation holds exactly
)

// Marshal prints value: nil, booleans, numbers, strings, json.RawMessage, json.Number, what implements json.Marshaler,
// and slices, string-keyed maps, structs and pointers of these.
func Marshal(value any) ([]byte, error) {
	return appendValue(nil, reflect.ValueOf(value), 0)
}

// Parse decodes JSON text into nil, bool, string, json.Number, []any and map[string]any. Unlike encoding/json it refuses
// text that is not valid UTF-8 or has unpaired surrogates, instead of replacing them.
func Parse(text []byte) (any, error) {
	if !utf8.Valid(text) {
		return nil, errors.New("invalid UTF-8")
	}
	if err := checkSurrogates(text); err != nil {
		return nil, err
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); err != io.EOF {
		return nil, errors.New("text after the JSON value")
	}
	return value, nil
}

// checkSurrogates refuses \u escapes of one half of a surrogate pair.
func checkSurrogates(text []byte) error {
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' {
			continue
		}
		unit, isUnit := escapedUnit(text[i:])
		if !isUnit {
			i++ // another escape: two characters
			continue
		}
		i += 5
		if !utf16.IsSurrogate(unit) {
			continue
		}
		low, _ := escapedUnit(text[i+1:])
		if utf16.DecodeRune(unit, low) == utf8.RuneError {
			return errors.New("unpaired surrogate")
		}
		i += 6
	}
	return nil
}

// escapedUnit decodes a leading \uXXXX.
func escapedUnit(text []byte) (rune, bool) {
	if len(text) < 6 || text[0] != '\\' || text[1] != 'u' {
		return 0, false
	}
	unit, err := strconv.ParseUint(string(text[2:6]), 16, 16)
	return rune(unit), err == nil
}

func appendValue(out []byte, v reflect.Value, depth int) ([]byte, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("nested deeper than %d levels", maxDepth)
	}
	if !v.IsValid() {
		return append(out, "null"...), nil
	}
	switch value := v.Interface().(type) {
	case json.Number:
		return appendNumber(out, value.String())
	case json.RawMessage:
		return appendText(out, value, depth)
	case json.Marshaler, []byte:
		return appendMarshaled(out, value, depth)
	}
	switch v.Kind() {
	case reflect.Bool:
		return strconv.AppendBool(out, v.Bool()), nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return appendInteger(out, v.Int())
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		if v.Uint() > maxSafeInteger {
			return nil, fmt.Errorf("integer %d cannot be held exactly", v.Uint())
		}
		return appendInteger(out, int64(v.Uint()))
	case reflect.Float32:
		f, err := strconv.ParseFloat(strconv.FormatFloat(v.Float(), 'g', -1, 32), 64)
		return appendFloat(out, f), err
	case reflect.Float64:
		return appendFloat(out, v.Float()), nil
	case reflect.String:
		return AppendString(out, v.String())
	case reflect.Pointer, reflect.Interface:
		return appendValue(out, v.Elem(), depth)
	case reflect.Map:
		return appendMap(out, v, depth)
	case reflect.Slice, reflect.Array:
		return appendList(out, v, depth)
	case reflect.Struct:
		return appendMarshaled(out, v.Interface(), depth)
	}
	return nil, fmt.Errorf("a value of type %s has no JSON form", v.Type())
}

func appendText(out []byte, text []byte, depth int) ([]byte, error) {
	if text == nil {
		return append(out, "null"...), nil
	}
	value, err := Parse(text)
	if err != nil {
		return nil, err
	}
	return appendValue(out, reflect.ValueOf(value), depth+1)
}

func appendMarshaled(out []byte, value any, depth int) ([]byte, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	return appendText(out, text, depth)
}

func appendMap(out []byte, v reflect.Value, depth int) ([]byte, error) {
	if v.IsNil() {
		return append(out, "null"...), nil
	}
	if v.Type().Key().Kind() != reflect.String {
		return nil, fmt.Errorf("a map with keys of type %s has no JSON form", v.Type().Key())
	}
	keys := v.MapKeys()
	// UTF-8 sorts like the code points it encodes.
	slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
	out = append(out, '{')
	for i, key := range keys {
		if i > 0 {
			out = append(out, ',')
		}
		var err error
		if out, err = AppendString(out, key.String()); err != nil {
			return nil, err
		}
		out = append(out, ':')
		if out, err = appendValue(out, v.MapIndex(key), depth+1); err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
	}
	return append(out, '}'), nil
}

func appendList(out []byte, v reflect.Value, depth int) ([]byte, error) {
	if v.Kind() == reflect.Slice && v.IsNil() {
		return append(out, "null"...), nil
	}
	out = append(out, '[')
	for i := range v.Len() {
		if i > 0 {
			out = append(out, ',')
		}
		var err error
		if out, err = appendValue(out, v.Index(i), depth+1); err != nil {
			return nil, fmt.Errorf("[%d]: %w", i, err)
		}
	}
	return append(out, ']'), nil
}

// appendNumber prints a number given as JSON text: an integer stays one, anything else goes through a float64.
func appendNumber(out []byte, text string) ([]byte, error) {
	if strings.ContainsAny(text, ".eE") {
		f, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return nil, fmt.Errorf("number %s: %w", text, err)
		}
		return appendFloat(out, f), nil
	}
	i, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return nil, fmt.Errorf("integer %s cannot be held exactly", text)
	}
	return appendInteger(out, i)
}

func appendInteger(out []byte, i int64) ([]byte, error) {
	if i > maxSafeInteger || i < -maxSafeInteger {
		return nil, fmt.Errorf("integer %d cannot be held exactly", i)
	}
	return strconv.AppendInt(out, i, 10), nil
}

func appendFloat(out []byte, f float64) []byte {
	magnitude := math.Abs(f)
	switch {
	case math.IsNaN(f) || math.IsInf(f, 0):
		return append(out, "null"...)
	case f == 0:
		return append(out, '0')
	case magnitude >= 1e-6 && magnitude < 1e21:
		return strconv.AppendFloat(out, f, 'f', -1, 64)
	}
	text := strconv.FormatFloat(f, 'e', -1, 64)
	mantissa, exponent, _ := strings.Cut(text, "e")
	return append(append(append(out, mantissa...), 'e', exponent[0]), strings.TrimLeft(exponent[1:], "0")...)
}

const hexDigits = "0123456789abcdef"

var shortEscapes = map[byte]byte{'"': '"', '\\': '\\', '\b': 'b', '\f': 'f', '\n': 'n', '\r': 'r', '\t': 't'}

// AppendString prints s in quotes, with the escapes JSON demands and no others.
func AppendString(out []byte, s string) ([]byte, error) {
	if !utf8.ValidString(s) {
		return nil, errors.New("a string is not valid UTF-8")
	}
	out = append(out, '"')
	for i := range len(s) {
		c := s[i]
		if short, ok := shortEscapes[c]; ok {
			out = append(out, '\\', short)
		} else if c < 0x20 {
			out = append(out, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		} else {
			out = append(out, c)
		}
	}
	return append(out, '"'), nil
}
