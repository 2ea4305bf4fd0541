package dcap

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// DefaultPCCSURL is a public service that has collateral.
	DefaultPCCSURL = "https://pccs.phala.network"

	fetchTimeout     = 180 * time.Second // over all requests
	maxBodySize      = 1 << 20
	maxCached        = 64
	cacheFor         = 24 * time.Hour // at most; new documents come out before old ones expire
	rootCRLHost      = "certificates.trustedservices.intel.com"
	issuerChainOfTCB = "TCB-Info-Issuer-Chain"
	issuerChainOfQE  = "SGX-Enclave-Identity-Issuer-Chain"
)

// service is a PCCS, or Intel's service.
type service struct {
	base   string
	client *http.Client
}

func newService(client *http.Client, base string) *service {
	if client == nil {
		client = http.DefaultClient
	}
	base = strings.TrimRight(base, "/")
	base = strings.TrimSuffix(strings.TrimSuffix(base, "/sgx/certification/v4"), "/tdx/certification/v4")
	return &service{base, client}
}

type cacheKey struct {
	base, authority string
	fmspc           [6]byte
	root            string
}

type cached struct {
	lock       sync.Mutex // held while fetching: one at a time asks about a platform model
	collateral *Collateral
	until      time.Time
}

var cache = struct {
	lock    sync.Mutex
	entries map[cacheKey]*cached
}{entries: map[cacheKey]*cached{}}

func cacheEntry(key cacheKey) *cached {
	cache.lock.Lock()
	defer cache.lock.Unlock()
	if entry := cache.entries[key]; entry != nil {
		return entry
	}
	if len(cache.entries) >= maxCached {
		clear(cache.entries)
	}
	cache.entries[key] = &cached{}
	return cache.entries[key]
}

// FetchCollateral asks a PCCS or Intel's service for what [Verify] needs for a quote. The quote's own signatures are checked
// first, so that only genuine quotes cause requests. A nil client is [http.DefaultClient]. Answers that verified the quote
// are kept in memory until they expire, a day at most.
func FetchCollateral(ctx context.Context, client *http.Client, baseURL string, rawQuote []byte, options Options) (*Collateral, error) {
	quote, err := ParseQuote(rawQuote)
	if err != nil {
		return nil, err
	}
	v := &verification{quote: quote, trust: options.trust()}
	if err := v.checkBeforeFetch(); err != nil {
		return nil, err
	}
	service := newService(client, baseURL)
	authority := authorityOf(v.pckChain[0])
	entry := cacheEntry(cacheKey{service.base, authority, v.pck.fmspc, string(v.trust.root.Raw)})
	entry.lock.Lock()
	defer entry.lock.Unlock()
	if entry.collateral != nil && v.trust.now.Before(entry.until) {
		return entry.collateral, nil
	}
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	collateral, err := service.fetch(ctx, v.pck.fmspc, authority)
	if err != nil {
		return nil, err
	}
	if _, err := Verify(rawQuote, collateral, options); err == nil {
		entry.collateral, entry.until = collateral, v.trust.now.Add(cacheFor)
		if until := collateral.validUntil(); until.Before(entry.until) {
			entry.until = until
		}
	}
	return collateral, nil
}

// authorityOf names the authority that certified the platform, as the service calls it.
func authorityOf(leaf *x509.Certificate) string {
	if !bytes.Contains(leaf.RawIssuer, []byte("Processor")) && bytes.Contains(leaf.RawIssuer, []byte("Platform")) {
		return "platform"
	}
	return "processor"
}

func (s *service) fetch(ctx context.Context, fmspc [6]byte, authority string) (*Collateral, error) {
	collateral := &Collateral{}
	pckCRL, _, err := s.get(ctx, s.base+"/sgx/certification/v4/pckcrl?ca="+authority+"&encoding=der")
	if err != nil {
		return nil, err
	}
	if collateral.pckCRL, err = parseCRL("pck crl", derOrHex(pckCRL)); err != nil {
		return nil, fail(CollateralDecode, "%v", err)
	}
	address := s.base + "/tdx/certification/v4/tcb?fmspc=" + strings.ToUpper(hex.EncodeToString(fmspc[:]))
	if collateral.tcbInfo, err = s.getDocument(ctx, address, "tcb_info", "tcbInfo", "SGX-"+issuerChainOfTCB, issuerChainOfTCB); err != nil {
		return nil, err
	}
	address = s.base + "/tdx/certification/v4/qe/identity?update=standard"
	if collateral.qeIdentity, err = s.getDocument(ctx, address, "qe_identity", "enclaveIdentity", issuerChainOfQE); err != nil {
		return nil, err
	}
	rootCRL, err := s.getRootCRL(ctx, collateral.qeIdentity.issuerChain)
	if err != nil {
		return nil, err
	}
	if collateral.rootCRL, err = parseCRL("root ca crl", derOrHex(rootCRL)); err != nil {
		return nil, fail(CollateralDecode, "%v", err)
	}
	return collateral, nil
}

func (s *service) get(ctx context.Context, address string) ([]byte, http.Header, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, nil, fail(CollateralFetch, "%v", err)
	}
	answer, err := s.client.Do(request)
	if err != nil {
		return nil, nil, fail(CollateralFetch, "%v", err)
	}
	defer answer.Body.Close()
	if answer.StatusCode/100 != 2 {
		return nil, nil, fail(CollateralFetch, "%s: status %d", address, answer.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxBodySize+1))
	if err != nil {
		return nil, nil, fail(CollateralFetch, "%s: %v", address, err)
	}
	if len(body) > maxBodySize {
		return nil, nil, fail(CollateralFetch, "%s: more than %d bytes", address, maxBodySize)
	}
	return body, answer.Header, nil
}

// getDocument takes the member of the answer exactly as it was sent, since that is what is signed.
func (s *service) getDocument(ctx context.Context, address, name, member string, headers ...string) (signedDocument, error) {
	document := signedDocument{name: name}
	body, header, err := s.get(ctx, address)
	if err != nil {
		return document, err
	}
	answer, err := parseObject(name, bytes.TrimSpace(body))
	if err != nil {
		return document, fail(CollateralDecode, "%v", err)
	}
	if !answer.has(member) {
		return document, fail(CollateralDecode, "%s: no member %q", name, member)
	}
	document.text = string(answer.members[member])
	if err := answer.fixedHex("signature", document.signature[:]); err != nil {
		return document, fail(CollateralDecode, "%v", err)
	}
	i := slices.IndexFunc(headers, func(name string) bool { return header.Get(name) != "" })
	if i < 0 {
		return document, fail(CollateralFetch, "%s: no header %s", address, headers[0])
	}
	if document.issuerChain, err = url.PathUnescape(header.Get(headers[i])); err != nil { // a "+" stays one
		return document, fail(CollateralDecode, "%s: %v", headers[i], err)
	}
	return document, nil
}

// getRootCRL asks a PCCS, and else the place that Intel's certificates name: Intel's service does not have it.
func (s *service) getRootCRL(ctx context.Context, issuerChain string) ([]byte, error) {
	body, _, err := s.get(ctx, s.base+"/sgx/certification/v4/rootcacrl")
	if err == nil {
		return body, nil
	}
	address, addressErr := distributionPoint(issuerChain)
	if addressErr != nil {
		return nil, errors.Join(err, fail(CollateralFetch, "%v", addressErr))
	}
	body, _, err = s.get(ctx, address)
	return body, err
}

// distributionPoint gives the address of the revocation list in the last certificate of a chain; only Intel's host will do.
func distributionPoint(issuerChain string) (string, error) {
	chain, err := parseChain([]byte(issuerChain))
	if err != nil {
		return "", err
	}
	for _, address := range chain[len(chain)-1].CRLDistributionPoints {
		parsed, err := url.Parse(address)
		if err == nil && parsed.Scheme == "https" && parsed.Host == rootCRLHost {
			return address, nil
		}
	}
	return "", fmt.Errorf("the signer's root names no revocation list at %s", rootCRLHost)
}

// derOrHex takes both forms that services answer with.
func derOrHex(body []byte) []byte {
	if len(body) > 0 && body[0] == 0x30 {
		return body
	}
	der, err := hex.DecodeString(string(bytes.TrimSpace(body)))
	if err != nil {
		return body // the parser says what is wrong with it
	}
	return der
}
