package ratls

import (
	"context"
	"crypto/sha512"
	"crypto/tls"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/Dstack-TEE/dstack/sdk/go/dcap"
)

// DefaultPCCSURL is where collateral comes from unless [WithPCCSURL] says otherwise.
const DefaultPCCSURL = dcap.DefaultPCCSURL

// Extensions of attested certificates.
var (
	oidQuote       = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 62397, 1, 1}
	oidEventLog    = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 62397, 1, 2}
	oidAttestation = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 62397, 1, 8}
)

// VerifyResult is what a certificate proved.
type VerifyResult struct {
	Report *dcap.Report // the state of the platform: judge its status
	Quote  *dcap.Quote  // the measurements, and the report data that binds the certificate's key

	events []Event
}

// Option changes how certificates are verified.
type Option func(*options)

type options struct {
	pccsURL    string
	client     *http.Client
	collateral *dcap.Collateral
	root       *x509.Certificate
	clock      func() time.Time
	onVerified func(*VerifyResult)
}

// WithPCCSURL sets the service that collateral is fetched from.
func WithPCCSURL(url string) Option { return func(o *options) { o.pccsURL = url } }

// WithOnVerified sets a function that [TLSConfig] calls with the result of each certificate that verified, during the
// handshake.
func WithOnVerified(callback func(*VerifyResult)) Option {
	return func(o *options) { o.onVerified = callback }
}

// WithHTTPClient sets the client that fetches collateral.
func WithHTTPClient(client *http.Client) Option { return func(o *options) { o.client = client } }

// WithCollateral gives collateral, so that none is fetched.
func WithCollateral(collateral *dcap.Collateral) Option {
	return func(o *options) { o.collateral = collateral }
}

// WithInsecureRoot trusts quotes under this root instead of Intel's, such as a simulator's. They prove nothing about hardware.
func WithInsecureRoot(root *x509.Certificate) Option { return func(o *options) { o.root = root } }

// WithClock sets the time at which everything must be valid.
func WithClock(clock func() time.Time) Option { return func(o *options) { o.clock = clock } }

func collect(opts []Option) *options {
	collected := &options{pccsURL: DefaultPCCSURL, clock: time.Now}
	for _, option := range opts {
		option(collected)
	}
	return collected
}

// VerifyCert verifies the attestation in a certificate: the quote is genuine, bound to the certificate's key, and of a TD
// that nobody can debug; and the event log replays to its RTMR3. Collateral is fetched when none is given.
func VerifyCert(certificate *x509.Certificate, opts ...Option) (*VerifyResult, error) {
	result, err := verify(context.Background(), certificate, collect(opts))
	if err != nil {
		return nil, fmt.Errorf("failed to verify the certificate: %w", err)
	}
	return result, nil
}

// TLSConfig returns a configuration that accepts a peer only with a certificate that [VerifyCert] accepts: the first one
// presented. For a server, also set ClientAuth to [tls.RequireAnyClientCert].
func TLSConfig(opts ...Option) *tls.Config {
	collected := collect(opts)
	return &tls.Config{
		MinVersion:         tls.VersionTLS12,
		InsecureSkipVerify: true, // the chain proves nothing; VerifyConnection decides, for resumed connections too
		VerifyConnection: func(state tls.ConnectionState) error {
			if len(state.PeerCertificates) == 0 {
				return errors.New("the peer presented no certificate")
			}
			result, err := verify(context.Background(), state.PeerCertificates[0], collected)
			if err != nil {
				return fmt.Errorf("failed to verify the peer's certificate: %w", err)
			}
			if collected.onVerified != nil {
				collected.onVerified(result)
			}
			return nil
		},
	}
}

func verify(ctx context.Context, certificate *x509.Certificate, o *options) (*VerifyResult, error) {
	now := o.clock()
	if now.Before(certificate.NotBefore) || now.After(certificate.NotAfter) {
		return nil, errors.New("the certificate is not valid at this time")
	}
	evidence, err := evidenceOf(certificate)
	if err != nil {
		return nil, err
	}
	quote, err := dcap.ParseQuote(evidence.quote)
	if err != nil {
		return nil, err
	}
	if expected := reportData(certificate); quote.Report.ReportData != expected || evidence.reportData != expected {
		return nil, errors.New("report data mismatch: the quote is not bound to the certificate's key")
	}
	report, err := verifyQuote(ctx, evidence.quote, o, now)
	if err != nil {
		return nil, err
	}
	events, err := runtimeEvents(evidence)
	if err != nil {
		return nil, fmt.Errorf("event log: %w", err)
	}
	if err := checkReplay(events, quote); err != nil {
		return nil, err
	}
	if err := checkTD(&quote.Report); err != nil {
		return nil, err
	}
	return &VerifyResult{report, quote, events}, nil
}

// reportData is what binds a quote to a certificate's key.
func reportData(certificate *x509.Certificate) [64]byte {
	return sha512.Sum512(append([]byte("ratls-cert:"), certificate.RawSubjectPublicKeyInfo...))
}

func verifyQuote(ctx context.Context, quote []byte, o *options, now time.Time) (*dcap.Report, error) {
	trust := dcap.Options{InsecureRoot: o.root, Now: now}
	collateral := o.collateral
	if collateral == nil {
		var err error
		if collateral, err = dcap.FetchCollateral(ctx, o.client, o.pccsURL, quote, trust); err != nil {
			return nil, err
		}
	}
	return dcap.Verify(quote, collateral, trust)
}

// checkTD repeats what quote verification has checked, since it decides whether the TD's memory is its own.
func checkTD(report *dcap.TDReport) error {
	switch {
	case report.TDAttributes[0]&1 != 0:
		return errors.New("the TD can be debugged by its host")
	case report.MRSignerSeam != [48]byte{}:
		return errors.New("the TDX module was not signed by Intel")
	case report.MRServiceTD != [48]byte{}:
		return errors.New("a service TD is bound")
	}
	return nil
}

// extension gives the octets inside an extension; nil when there is none.
func extension(certificate *x509.Certificate, id asn1.ObjectIdentifier) ([]byte, error) {
	for _, candidate := range certificate.Extensions { // no id stands there twice: the parser refuses that
		if !candidate.Id.Equal(id) {
			continue
		}
		content := []byte{}
		if rest, err := asn1.Unmarshal(candidate.Value, &content); err != nil || len(rest) > 0 {
			return nil, fmt.Errorf("extension %v is not an octet string", id)
		}
		return content, nil
	}
	return nil, nil
}

func evidenceOf(certificate *x509.Certificate) (*evidence, error) {
	attestation, err := extension(certificate, oidAttestation)
	if err != nil {
		return nil, err
	}
	if attestation != nil {
		return decodeAttestation(attestation)
	}
	quote, err := extension(certificate, oidQuote)
	if err != nil {
		return nil, err
	}
	log, err := extension(certificate, oidEventLog)
	if err != nil {
		return nil, err
	}
	switch {
	case quote == nil:
		return nil, errors.New("the certificate carries no attestation")
	case log == nil:
		return nil, errors.New("the certificate carries a quote without an event log")
	}
	events, err := parseEventLog(log)
	if err != nil {
		return nil, fmt.Errorf("event log: %w", err)
	}
	return &evidence{quote: quote, events: events, reportData: reportData(certificate)}, nil
}
