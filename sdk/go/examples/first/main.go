// Asks the agent for the app's identity, an Ethereum account that stays, and a quote, and checks the quote's event log.
package main

import (
	"context"
	"encoding/hex"
	"fmt"
	"log"

	"github.com/Dstack-TEE/dstack/sdk/go/dstack"
)

func main() {
	ctx := context.Background()
	client := dstack.NewDstackClient()

	info, err := client.Info(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("app:", info.AppID)

	key, err := client.GetKey(ctx, "wallet/main", "ethereum")
	if err != nil {
		log.Fatal(err)
	}
	account, err := dstack.ToEthereumAccount(key)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("account:", account.Address)

	quote, err := client.GetQuote(ctx, []byte("a nonce of the verifier"))
	if err != nil {
		log.Fatal(err)
	}
	registers, err := quote.ReplayRTMRs()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("event log explains the quote:", registers[3] == hex.EncodeToString(quote.Quote[520:568]))
}
