// Package dcap verifies TDX quotes: that a genuine, healthy TEE made them, and with which measurements.
//
//	quote, err := client.GetQuote(ctx, nonce)
//	collateral, err := dcap.FetchCollateral(ctx, nil, dcap.DefaultPCCSURL, quote.Quote, dcap.Options{})
//	report, err := dcap.Verify(quote.Quote, collateral, dcap.Options{})
//
// A verified quote says what runs, not that it is what should run: compare its report data with the nonce, its
// measurements and the replayed event log with those of the app, and decide which TCB statuses are good enough. Only a
// revoked platform and a TD that can be debugged are always refused.
//
// Trust rests on Intel's root certificate, which is part of the package. Collateral is signed and needs no trust.
package dcap
