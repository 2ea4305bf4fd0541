// Package dstack is the client of the dstack guest agent: an app in a confidential VM gets its keys, certificates and
// attestations from it.
//
//	client := dstack.NewDstackClient()
//	key, err := client.GetKey(ctx, "wallet/main", "ethereum")
//
// A client finds the agent at the endpoint given with [WithEndpoint], else in the environment variable
// DSTACK_SIMULATOR_ENDPOINT, else at the agent's socket, /var/run/dstack.sock.
//
// Every method returns an error unless the agent answered with status 200 and without an error text. Answers of the agent
// that are not a success are an [*RPCError]. A call takes at most 30 seconds, less if its context ends earlier.
//
// The package also has what apps and their deployers need offline: [GetComposeHash], [EncryptEnvVars],
// [VerifyEnvEncryptPublicKey], [ToEthereumAccount] and [ToSolanaKeypair].
package dstack
