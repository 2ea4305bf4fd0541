package main

import (
	"encoding/json"

	"github.com/Dstack-TEE/dstack/sdk/go/dstack"
)

const sdkName = "sdk/go"

func composeHash(compose json.RawMessage, normalize bool) any {
	return must(dstack.GetComposeHash(compose, normalize))
}

func replayAll(quote *dstack.GetQuoteResponse) []string {
	replayed := must(quote.ReplayRTMRs())
	return []string{replayed[0], replayed[1], replayed[2], replayed[3]}
}
