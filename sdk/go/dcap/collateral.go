package dcap

import (
	"crypto/ecdsa"
	"crypto/x509"
	"fmt"
	"time"
)

const (
	maxCollateralSize = 8 << 20
	maxCRLSize        = 1 << 20
)

// Collateral is what Intel publishes about a model of platform. It is signed, so it may come from anywhere.
type Collateral struct {
	rootCRL, pckCRL     *x509.RevocationList
	tcbInfo, qeIdentity signedDocument
	pckChain            string // PEM, or empty: the quote brings its own
}

// signedDocument is JSON text, its signature, and the certificates of the signer.
type signedDocument struct {
	name        string
	text        string
	signature   [64]byte
	issuerChain string
}

// ParseCollateral parses the JSON form of collateral that PCCS clients and dstack's tools use: pck_crl, root_ca_crl,
// tcb_info, tcb_info_signature, tcb_info_issuer_chain, qe_identity, and so on. Signatures are checked later.
func ParseCollateral(text []byte) (*Collateral, error) {
	if len(text) > maxCollateralSize {
		return nil, fail(CollateralDecode, "more than %d bytes", maxCollateralSize)
	}
	root, err := parseObject("collateral", text)
	if err != nil {
		return nil, fail(CollateralDecode, "%v", err)
	}
	collateral := &Collateral{}
	if err := collateral.decode(root); err != nil {
		return nil, fail(CollateralDecode, "%v", err)
	}
	return collateral, nil
}

func (c *Collateral) decode(root object) error {
	var err error
	if c.rootCRL, err = decodeCRL(root, "root_ca_crl"); err != nil {
		return err
	}
	if c.pckCRL, err = decodeCRL(root, "pck_crl"); err != nil {
		return err
	}
	if c.tcbInfo, err = decodeDocument(root, "tcb_info"); err != nil {
		return err
	}
	if c.qeIdentity, err = decodeDocument(root, "qe_identity"); err != nil {
		return err
	}
	if root.has("pck_certificate_chain") && string(root.members["pck_certificate_chain"]) != "null" {
		c.pckChain, err = root.text("pck_certificate_chain")
	}
	return err
}

func decodeCRL(root object, key string) (*x509.RevocationList, error) {
	der, err := root.hex(key)
	if err != nil {
		return nil, err
	}
	return parseCRL(key, der)
}

func parseCRL(name string, der []byte) (*x509.RevocationList, error) {
	if len(der) > maxCRLSize {
		return nil, fmt.Errorf("%s: more than %d bytes", name, maxCRLSize)
	}
	crl, err := x509.ParseRevocationList(der)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if len(crl.Raw) != len(der) {
		return nil, fmt.Errorf("%s: something after the list", name)
	}
	if crl.NextUpdate.IsZero() {
		return nil, fmt.Errorf("%s: no next update", name)
	}
	return crl, nil
}

func decodeDocument(root object, key string) (signedDocument, error) {
	document := signedDocument{name: key}
	var err error
	if document.text, err = root.text(key); err != nil {
		return document, err
	}
	if err = root.fixedHex(key+"_signature", document.signature[:]); err != nil {
		return document, err
	}
	document.issuerChain, err = root.text(key + "_issuer_chain")
	return document, err
}

// verify checks dates, chain and signature, and gives the document's content.
func (d *signedDocument) verify(t *trust, badSignature Class) (object, error) {
	content, err := parseObject(d.name, []byte(d.text))
	if err != nil {
		return content, fail(CollateralDecode, "%v", err)
	}
	issued, err := content.time("issueDate")
	if err != nil {
		return content, fail(CollateralDecode, "%v", err)
	}
	nextUpdate, err := content.time("nextUpdate")
	if err != nil {
		return content, fail(CollateralDecode, "%v", err)
	}
	if t.now.Before(issued) {
		return content, fail(IssuedInFuture, "%s", d.name)
	}
	if t.now.After(nextUpdate) {
		return content, fail(Expired, "%s", d.name)
	}
	chain, err := parseChain([]byte(d.issuerChain))
	if err != nil {
		return content, fail(ChainInvalid, "%s: %v", d.name, err)
	}
	if err := t.checkChain(chain, tcbSigner); err != nil {
		return content, err
	}
	key := chain[0].PublicKey.(*ecdsa.PublicKey) // parseChain refuses other keys
	if !verifyRaw(key, []byte(d.text), d.signature[:]) {
		return content, fail(badSignature, "not signed by the key of its chain")
	}
	return content, nil
}

// validUntil gives the time at which the first of the parts is too old; zero when one of them cannot be read.
func (c *Collateral) validUntil() time.Time {
	until := c.rootCRL.NextUpdate
	if c.pckCRL.NextUpdate.Before(until) {
		until = c.pckCRL.NextUpdate
	}
	for _, document := range []*signedDocument{&c.tcbInfo, &c.qeIdentity} {
		content, err := parseObject(document.name, []byte(document.text))
		if err != nil {
			return time.Time{}
		}
		nextUpdate, err := content.time("nextUpdate")
		if err != nil {
			return time.Time{}
		}
		if nextUpdate.Before(until) {
			until = nextUpdate
		}
	}
	return until
}
