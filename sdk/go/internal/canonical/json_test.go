package canonical

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
)

func TestMarshal(t *testing.T) {
	for _, test := range []struct {
		value any
		want  string
	}{
		{nil, "null"},
		{map[string]any{"é": 1, "z": 2, "10": 3, "9": 4, "\U0001F680": 5, "\uffff": 6}, `{"10":3,"9":4,"z":2,"é":1,"` + "\uffff" + `":6,"🚀":5}`},
		{[]any{math.NaN(), math.Inf(1), math.Inf(-1), nil}, "[null,null,null,null]"},
		{[]any{1.0, math.Copysign(0, -1), 1e21, 1e20, 1e-6, 1e-7, 0.1, 5e-324, 1.7976931348623157e308, float32(0.1)},
			"[1,0,1e+21,100000000000000000000,0.000001,1e-7,0.1,5e-324,1.7976931348623157e+308,0.1]"},
		{json.RawMessage(`[1.0,-0,1E2,1e-7,9007199254740991,12.50]`), "[1,0,100,1e-7,9007199254740991,12.5]"},
		{"\b\f\n\r\t\x00\x1f\"\\/<>&\x7f\u2028\u2029", `"\b\f\n\r\t\u0000\u001f\"\\/<>&` + "\x7f\u2028\u2029" + `"`},
		{struct {
			B int `json:"b"`
			A []string
		}{1, nil}, `{"A":null,"b":1}`},
		{[]byte("hi"), `"aGk="`},
		{json.RawMessage(`"\ud83d\ude00"`), `"😀"`},
		{json.RawMessage(`"\\ud83d"`), `"\\ud83d"`},
	} {
		got, err := Marshal(test.value)
		if err != nil || string(got) != test.want {
			t.Errorf("Marshal(%v) = %s, %v, want %s", test.value, got, err, test.want)
		}
	}
}

func TestMarshalRefuses(t *testing.T) {
	for _, value := range []any{
		int64(1) << 53, uint64(math.MaxUint64), json.RawMessage("9007199254740992"), json.RawMessage("1e400"),
		json.RawMessage(`"\ud83d"`), json.RawMessage(`"\ud83d\u0041"`), json.RawMessage(`"\ude00"`), json.RawMessage("{} {}"),
		json.RawMessage("\"\xff\""), "\xff", map[string]any{"\xff": 1}, map[int]int{1: 1}, func() {},
		json.RawMessage(strings.Repeat("[", 200) + strings.Repeat("]", 200)),
	} {
		if got, err := Marshal(value); err == nil {
			t.Errorf("Marshal(%v) = %s, want an error", value, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"a":[1,2.5,"\ud83d\ude00",null,true]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		once, err := Marshal(json.RawMessage(text))
		if err != nil {
			return
		}
		// A number like 1e20 is an integer too large in its canonical form.
		if twice, err := Marshal(json.RawMessage(once)); err == nil && string(twice) != string(once) {
			t.Errorf("the canonical form %q does not stay: %q", once, twice)
		}
	})
}
