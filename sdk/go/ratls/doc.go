// Package ratls verifies attested TLS certificates: that the holder of the key runs inside a genuine confidential VM, and
// which software it runs.
//
//	config := ratls.TLSConfig(ratls.WithOnVerified(func(result *ratls.VerifyResult) { ... }))
//	client := &http.Client{Transport: &http.Transport{TLSClientConfig: config}}
//
// A certificate that verifies names some dstack app, not yours: compare what the result says with what you expect, such as
// the compose hash, in [VerifyResult.Event], and the measurements in the quote, and decide which TCB statuses are good enough. The
// certificate's chain and names are not looked at; to trust an app id that stands in a certificate, check that its chain
// ends in your KMS's root.
package ratls
