package ratls

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"unicode/utf8"
)

const maxDepth = 16

// unpacker reads MessagePack: maps with text keys, arrays, text, bytes, whole numbers, booleans and nil.
type unpacker struct {
	rest []byte
}

var errShort = errors.New("cut short")

// unpack reads a map that fills the whole input. Arrays of numbers come as []byte, as attestations hold no others.
func unpack(encoded []byte) (map[string]any, error) {
	u := &unpacker{encoded}
	value, err := u.value(0)
	if err != nil {
		return nil, err
	}
	root, ok := value.(map[string]any)
	if !ok || len(u.rest) > 0 {
		return nil, errors.New("not exactly one map")
	}
	return root, nil
}

func (u *unpacker) take(n int) ([]byte, error) {
	if n < 0 || n > len(u.rest) {
		return nil, errShort
	}
	taken := u.rest[:n:n]
	u.rest = u.rest[n:]
	return taken, nil
}

// number reads a big-endian number of 1, 2, 4 or 8 bytes.
func (u *unpacker) number(size int) (uint64, error) {
	taken, err := u.take(size)
	if err != nil {
		return 0, err
	}
	var padded [8]byte
	copy(padded[8-size:], taken)
	return binary.BigEndian.Uint64(padded[:]), nil
}

func (u *unpacker) value(depth int) (any, error) {
	if depth > maxDepth {
		return nil, errors.New("nested too deeply")
	}
	taken, err := u.take(1)
	if err != nil {
		return nil, err
	}
	switch tag := taken[0]; {
	case tag <= 0x7f:
		return int64(tag), nil
	case tag >= 0xe0:
		return int64(int8(tag)), nil
	case tag <= 0x8f:
		return u.object(uint64(tag&0xf), depth)
	case tag <= 0x9f:
		return u.list(uint64(tag&0xf), depth)
	case tag <= 0xbf:
		return u.text(uint64(tag & 0x1f))
	default:
		return u.tagged(tag, depth)
	}
}

func (u *unpacker) tagged(tag byte, depth int) (any, error) {
	switch tag {
	case 0xc0:
		return nil, nil
	case 0xc2, 0xc3:
		return tag == 0xc3, nil
	case 0xc4, 0xc5, 0xc6:
		return u.sized(1<<(tag-0xc4), func(n uint64) (any, error) { return u.bytes(n) })
	case 0xcc, 0xcd, 0xce, 0xcf:
		return u.unsigned(1 << (tag - 0xcc))
	case 0xd0, 0xd1, 0xd2, 0xd3:
		return u.signed(1 << (tag - 0xd0))
	case 0xd9, 0xda, 0xdb:
		return u.sized(1<<(tag-0xd9), func(n uint64) (any, error) { return u.text(n) })
	case 0xdc, 0xdd:
		return u.sized(2<<(tag-0xdc), func(n uint64) (any, error) { return u.list(n, depth) })
	case 0xde, 0xdf:
		return u.sized(2<<(tag-0xde), func(n uint64) (any, error) { return u.object(n, depth) })
	}
	return nil, fmt.Errorf("unknown type %#x", tag)
}

func (u *unpacker) sized(size int, read func(uint64) (any, error)) (any, error) {
	length, err := u.number(size)
	if err != nil {
		return nil, err
	}
	if length > uint64(len(u.rest)) { // every element has a byte at least
		return nil, errShort
	}
	return read(length)
}

func (u *unpacker) unsigned(size int) (any, error) {
	value, err := u.number(size)
	if err != nil || value > math.MaxInt64 {
		return nil, errors.Join(err, errors.New("bad number"))
	}
	return int64(value), nil
}

func (u *unpacker) signed(size int) (any, error) {
	value, err := u.number(size)
	if err != nil {
		return nil, err
	}
	shift := 64 - 8*size
	return int64(value<<shift) >> shift, nil
}

func (u *unpacker) bytes(length uint64) ([]byte, error) { return u.take(int(length)) }

func (u *unpacker) text(length uint64) (string, error) {
	taken, err := u.take(int(length))
	if err != nil || !utf8.Valid(taken) {
		return "", errors.Join(err, errors.New("bad text"))
	}
	return string(taken), nil
}

// list gives []byte for an array of numbers from 0 to 255, else []any. An empty one is []any.
func (u *unpacker) list(length uint64, depth int) (any, error) {
	var numbers []byte
	items := []any{}
	for i := uint64(0); i < length; i++ {
		item, err := u.value(depth + 1)
		if err != nil {
			return nil, err
		}
		number, isNumber := item.(int64)
		switch {
		case !isNumber:
			items = append(items, item)
		case number < 0 || number > math.MaxUint8:
			return nil, errors.New("an array with a number that is no byte")
		default:
			numbers = append(numbers, byte(number))
		}
	}
	switch {
	case len(numbers) == 0:
		return items, nil
	case len(items) == 0:
		return numbers, nil
	}
	return nil, errors.New("an array of numbers and others")
}

func (u *unpacker) object(length uint64, depth int) (any, error) {
	members := map[string]any{}
	for i := uint64(0); i < length; i++ {
		key, err := u.value(depth + 1)
		if err != nil {
			return nil, err
		}
		name, ok := key.(string)
		if _, again := members[name]; !ok || again {
			return nil, fmt.Errorf("key %v is no text or there twice", key)
		}
		if members[name], err = u.value(depth + 1); err != nil {
			return nil, err
		}
	}
	return members, nil
}

// member gives a map inside a map; an empty one when there is none.
func member(parent map[string]any, key string) map[string]any {
	child, _ := parent[key].(map[string]any)
	return child
}

// octets takes both forms that bytes have in attestations.
func octets(value any) ([]byte, bool) {
	if empty, ok := value.([]any); ok && len(empty) == 0 {
		return []byte{}, true
	}
	bytes, ok := value.([]byte)
	return bytes, ok
}
