package main

import (
	"encoding/json"

	"github.com/Dstack-TEE/dstack/sdk/go/dstack"
)

const sdkName = "github.com/Dstack-TEE/dstack/sdk/go"

// composeHash is nil for objects with members that the module's type has no field for.
func composeHash(compose json.RawMessage, normalize bool) any {
	var members, known map[string]any
	var typed dstack.AppCompose
	if json.Unmarshal(compose, &members) != nil || json.Unmarshal(compose, &typed) != nil {
		return nil
	}
	text, err := json.Marshal(typed)
	if err != nil || json.Unmarshal(text, &known) != nil {
		return nil
	}
	for name := range members {
		if _, ok := known[name]; !ok {
			return nil
		}
	}
	return must(dstack.GetComposeHash(typed, normalize))
}

func replayAll(quote *dstack.GetQuoteResponse) []string {
	replayed := must(quote.ReplayRTMRs())
	return []string{replayed[0], replayed[1], replayed[2], replayed[3]}
}
