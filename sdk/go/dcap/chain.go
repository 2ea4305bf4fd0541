package dcap

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	_ "embed"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	minChain  = 2
	maxChain  = 8
	pckName   = "SGX PCK Certificate"
	tcbSigner = "SGX TCB Signing"
)

type pkixExtension = pkix.Extension

//go:embed intel_sgx_root_ca.der
var intelRootDER []byte

var intelRoot = sync.OnceValue(func() *x509.Certificate {
	root, err := x509.ParseCertificate(intelRootDER)
	if err != nil {
		panic("dcap: Intel's root certificate does not parse: " + err.Error()) // a broken build
	}
	return root
})

// IntelRoot returns the Intel SGX Root CA.
func IntelRoot() *x509.Certificate { return intelRoot() }

var knownExtensions = []asn1.ObjectIdentifier{{2, 5, 29, 15}, {2, 5, 29, 19}, {2, 5, 29, 37}} // usages, constraints

// checkKind refuses certificates of a kind that Intel does not issue.
func checkKind(certificate *x509.Certificate) error {
	if certificate.Version != 3 || certificate.SignatureAlgorithm != x509.ECDSAWithSHA256 {
		return errors.New("not an X.509 version 3 certificate signed with ECDSA and SHA-256")
	}
	if key, ok := certificate.PublicKey.(*ecdsa.PublicKey); !ok || key.Curve != elliptic.P256() {
		return errors.New("not a P-256 key")
	}
	for _, extension := range certificate.Extensions {
		if extension.Critical && !slices.ContainsFunc(knownExtensions, extension.Id.Equal) {
			return fmt.Errorf("extension %v is critical and unknown", extension.Id)
		}
	}
	return nil
}

// parseChain parses certificates in PEM, leaf first. Whatever stands between them is ignored.
func parseChain(text []byte) ([]*x509.Certificate, error) {
	var chain []*x509.Certificate
	text = bytes.TrimRight(text, "\x00")
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		if len(chain) == maxChain {
			return nil, fmt.Errorf("more than %d certificates", maxChain)
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		if err := checkKind(certificate); err != nil {
			return nil, err
		}
		chain = append(chain, certificate)
	}
	if len(chain) < minChain {
		return nil, fmt.Errorf("%d certificates, expected at least %d", len(chain), minChain)
	}
	return chain, nil
}

// trust is what a chain is held against.
type trust struct {
	root *x509.Certificate
	crls []*x509.RevocationList
	now  time.Time
}

func (t *trust) isIntel() bool { return t.root.Equal(intelRoot()) }

func checkDates(certificate *x509.Certificate, now time.Time) error {
	if now.Before(certificate.NotBefore) {
		return fail(Expired, "certificate %q is not valid yet", certificate.Subject.CommonName)
	}
	if now.After(certificate.NotAfter) {
		return fail(Expired, "certificate %q", certificate.Subject.CommonName)
	}
	return nil
}

func mayServeTLS(certificate *x509.Certificate) bool {
	return len(certificate.ExtKeyUsage)+len(certificate.UnknownExtKeyUsage) == 0 ||
		slices.Contains(certificate.ExtKeyUsage, x509.ExtKeyUsageServerAuth)
}

// mayIssue tells whether a certificate may stand above so many intermediate ones and a leaf.
func mayIssue(issuer *x509.Certificate, below int) bool {
	limited := issuer.MaxPathLen > 0 || issuer.MaxPathLen == 0 && issuer.MaxPathLenZero
	return issuer.BasicConstraintsValid && issuer.IsCA && (issuer.KeyUsage == 0 || issuer.KeyUsage&x509.KeyUsageCertSign != 0) &&
		mayServeTLS(issuer) && (!limited || issuer.MaxPathLen >= below)
}

// path gives the certificates below the root, which may stand at the end of the chain, and their issuers.
func (t *trust) path(chain []*x509.Certificate) (path, issuers []*x509.Certificate) {
	path = chain
	if chain[len(chain)-1].Equal(t.root) {
		path = chain[:len(chain)-1]
	}
	return path, append(slices.Clone(path[1:]), t.root)
}

// checkPath checks that every certificate is issued by the next, up to the root, but not revocation.
func (t *trust) checkPath(chain []*x509.Certificate, leafName string) error {
	path, issuers := t.path(chain)
	if path[0].IsCA {
		return fail(ChainInvalid, "%q is an authority, not an end entity", path[0].Subject.CommonName)
	}
	for i, certificate := range path {
		issuer, name := issuers[i], certificate.Subject.CommonName
		if certificate.Equal(t.root) {
			return fail(ChainInvalid, "the root stands inside the chain")
		}
		if !bytes.Equal(certificate.RawIssuer, issuer.RawSubject) ||
			issuer.CheckSignature(certificate.SignatureAlgorithm, certificate.RawTBSCertificate, certificate.Signature) != nil {
			return fail(ChainInvalid, "%q is not issued by %q", name, issuer.Subject.CommonName)
		}
		if !mayIssue(issuer, i) {
			return fail(ChainInvalid, "%q may not issue certificates here", issuer.Subject.CommonName)
		}
		if !mayServeTLS(certificate) {
			return fail(ChainInvalid, "%q has another purpose", name)
		}
	}
	if t.isIntel() && !strings.Contains(path[0].Subject.CommonName, leafName) {
		return fail(ChainInvalid, "%q is not an %q", path[0].Subject.CommonName, leafName)
	}
	for _, certificate := range path {
		if err := checkDates(certificate, t.now); err != nil {
			return err
		}
	}
	return nil
}

// checkChain also checks that nothing on the path is revoked.
func (t *trust) checkChain(chain []*x509.Certificate, leafName string) error {
	if err := t.checkPath(chain, leafName); err != nil {
		return err
	}
	path, issuers := t.path(chain)
	for i, certificate := range path {
		if err := t.checkRevocation(certificate, issuers[i]); err != nil {
			return err
		}
	}
	return nil
}

func (t *trust) checkRoot() error {
	if err := checkKind(t.root); err != nil {
		return fail(ChainInvalid, "trust anchor: %v", err)
	}
	if err := checkDates(t.root, t.now); err != nil {
		return err
	}
	return t.checkRevocation(t.root, t.root)
}

// checkRevocation refuses a certificate without a list that covers it.
func (t *trust) checkRevocation(certificate, issuer *x509.Certificate) error {
	covered := false
	for _, crl := range t.crls {
		if !bytes.Equal(crl.RawIssuer, issuer.RawSubject) {
			continue
		}
		if err := t.checkCRL(crl, certificate, issuer); err != nil {
			return err
		}
		covered = true
	}
	if !covered {
		return fail(ChainInvalid, "no revocation list of %q", issuer.Subject.CommonName)
	}
	return nil
}

func (t *trust) checkCRL(crl *x509.RevocationList, certificate, issuer *x509.Certificate) error {
	name := issuer.Subject.CommonName
	if crl.SignatureAlgorithm != x509.ECDSAWithSHA256 || crl.CheckSignatureFrom(issuer) != nil {
		return fail(ChainInvalid, "the revocation list of %q is not signed by it", name)
	}
	isCritical := func(e pkix.Extension) bool { return e.Critical }
	if slices.ContainsFunc(crl.Extensions, isCritical) {
		return fail(ChainInvalid, "the revocation list of %q has a critical extension", name)
	}
	if t.now.Before(crl.ThisUpdate) {
		return fail(IssuedInFuture, "revocation list of %q", name)
	}
	if !t.now.Before(crl.NextUpdate) {
		return fail(Expired, "revocation list of %q", name)
	}
	for _, entry := range crl.RevokedCertificateEntries {
		if slices.ContainsFunc(entry.Extensions, isCritical) {
			return fail(ChainInvalid, "the revocation list of %q has a critical extension", name)
		}
		if entry.SerialNumber.Cmp(certificate.SerialNumber) == 0 {
			return fail(Revoked, "certificate %q", certificate.Subject.CommonName)
		}
	}
	return nil
}

// verifyRaw checks an ECDSA signature over the SHA-256 of data, given as r and s of 32 bytes each.
func verifyRaw(key *ecdsa.PublicKey, data, signature []byte) bool {
	digest := sha256.Sum256(data)
	r, s := new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])
	return ecdsa.Verify(key, digest[:], r, s)
}

// publicKey makes a key of the two coordinates of its point; nil when that is not on the curve.
func publicKey(point []byte) *ecdsa.PublicKey {
	key := &ecdsa.PublicKey{Curve: elliptic.P256(), X: new(big.Int).SetBytes(point[:32]), Y: new(big.Int).SetBytes(point[32:])}
	if _, err := key.ECDH(); err != nil {
		return nil
	}
	return key
}
