package dcap

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"time"
)

const qeAuthSize = 32

// Attributes of a TD as a little-endian number.
const (
	tdDebugGroup    = 0xff
	tdReserved      = 0xffffffff2fffff00 // all but SEPT_VE_DISABLE, PKS and KL
	tdSEPTVEDisable = 1 << 28
)

// Options says what to trust, and when.
type Options struct {
	// InsecureRoot is a trust anchor in place of Intel's, such as a simulator's: quotes under it prove nothing about
	// hardware. Nil: Intel's.
	InsecureRoot *x509.Certificate
	// Now is the time at which everything must be valid. Zero: the present.
	Now time.Time
}

func (o Options) trust(crls ...*x509.RevocationList) *trust {
	t := &trust{root: o.InsecureRoot, now: o.Now, crls: crls}
	if t.root == nil {
		t.root = intelRoot()
	}
	if t.now.IsZero() {
		t.now = time.Now()
	}
	return t
}

// Report is what was found out about a quote that verified.
type Report struct {
	Status            Status // of all parts together; never Revoked
	AdvisoryIDs       []string
	PlatformStatus    Status
	ModuleStatus      *Status // nil for TDX modules without an identity of their own
	QEStatus          Status
	PPID              [16]byte // the platform's own identity
	FMSPC             [6]byte  // its model
	TCBEvaluationData uint32   // the lower number of the two documents
	ExternalRoot      bool     // the trust anchor was not Intel's
}

// verification is a quote on its way through the checks.
type verification struct {
	quote    *Quote
	trust    *trust
	pckChain []*x509.Certificate
	pck      *pckFacts
	qeReport *qeReport
}

// Verify checks a quote against collateral: signatures, certificates, revocation, dates, the state of platform, TDX module
// and quoting enclave, and that nobody can debug the TD. An error is an [*Error]. The caller judges the status, the
// measurements and the report data.
func Verify(rawQuote []byte, collateral *Collateral, options Options) (*Report, error) {
	v := &verification{trust: options.trust(collateral.rootCRL, collateral.pckCRL)}
	if err := v.trust.checkRoot(); err != nil {
		return nil, err
	}
	var err error
	if v.quote, err = ParseQuote(rawQuote); err != nil {
		return nil, err
	}
	return v.run(collateral)
}

func (v *verification) run(collateral *Collateral) (*Report, error) {
	tcbInfoText, err := collateral.tcbInfo.verify(v.trust, BadTCBInfoSignature)
	if err != nil {
		return nil, err
	}
	if err := checkTCBInfoType(tcbInfoText); err != nil {
		return nil, err
	}
	info, err := decodeTCBInfo(tcbInfoText)
	if err != nil {
		return nil, fail(CollateralDecode, "%v", err)
	}
	qeIdentityText, err := collateral.qeIdentity.verify(v.trust, BadQEIdentitySignature)
	if err != nil {
		return nil, err
	}
	if err := checkQEIdentityType(qeIdentityText); err != nil {
		return nil, err
	}
	identity, err := decodeQEIdentity(qeIdentityText)
	if err != nil {
		return nil, fail(CollateralDecode, "%v", err)
	}
	if err := v.checkPCKChain(collateral.pckChain, v.trust.checkChain); err != nil {
		return nil, err
	}
	if err := v.checkQEReport(); err != nil {
		return nil, err
	}
	qeLevel, err := identity.match(v.qeReport)
	if err != nil {
		return nil, err
	}
	if err := v.checkQuoteSignature(); err != nil {
		return nil, err
	}
	report, err := v.judge(info, qeLevel)
	if err != nil {
		return nil, err
	}
	if err := v.quote.Report.checkAttributes(); err != nil {
		return nil, err
	}
	report.TCBEvaluationData = min(info.evaluation, identity.evaluation)
	return report, nil
}

type chainCheck func(chain []*x509.Certificate, leafName string) error

func (v *verification) checkPCKChain(collateralChain string, check chainCheck) error {
	text := []byte(collateralChain)
	if collateralChain == "" {
		if v.quote.certType != certTypePCKChain {
			return fail(ChainInvalid, "neither quote nor collateral has the platform's certificates")
		}
		text = v.quote.certData
	}
	var err error
	if v.pckChain, err = parseChain(text); err != nil {
		return fail(ChainInvalid, "platform's certificates: %v", err)
	}
	if err := check(v.pckChain, pckName); err != nil {
		return err
	}
	if v.pck, err = parsePCK(v.pckChain[0]); err != nil {
		return fail(ParseError, "platform's certificate: %v", err)
	}
	return nil
}

// checkQEReport checks that the quoting enclave, which the platform's key vouches for, vouches for the attestation key.
func (v *verification) checkQEReport() error {
	key := v.pckChain[0].PublicKey.(*ecdsa.PublicKey) // parseChain refuses other keys
	if !verifyRaw(key, v.quote.qeReport, v.quote.qeReportSignature) {
		return fail(BadQEReportSignature, "not signed by the platform's key")
	}
	v.qeReport = parseQEReport(v.quote.qeReport)
	if len(v.quote.qeAuthData) != qeAuthSize {
		return fail(QEReportDataMismatch, "authentication data of %d bytes", len(v.quote.qeAuthData))
	}
	var expected [64]byte
	digest := sha256.Sum256(append(bytes.Clone(v.quote.attestationKey), v.quote.qeAuthData...))
	copy(expected[:], digest[:])
	if v.qeReport.reportData != expected {
		return fail(QEReportDataMismatch, "the attestation key is not the quoting enclave's")
	}
	return nil
}

func (v *verification) checkQuoteSignature() error {
	key := publicKey(v.quote.attestationKey)
	if key == nil || !verifyRaw(key, v.quote.signed, v.quote.signature) {
		return fail(BadQuoteSignature, "not signed by the attestation key")
	}
	return nil
}

func (v *verification) judge(info *tcbInfo, qe *isvLevel) (*Report, error) {
	if v.pck.fmspc != info.fmspc {
		return nil, fail(FMSPCMismatch, "tcb info is about another platform model")
	}
	if v.pck.pceID != info.pceID {
		return nil, fail(FMSPCMismatch, "tcb info is about another provisioning enclave")
	}
	platform, err := info.match(v.pck, &v.quote.Report)
	if err != nil {
		return nil, err
	}
	module, err := info.matchModule(&v.quote.Report)
	if err != nil {
		return nil, err
	}
	report := &Report{Status: platform.status, PlatformStatus: platform.status, QEStatus: qe.status, PPID: v.pck.ppid,
		FMSPC: v.pck.fmspc, ExternalRoot: !v.trust.isIntel(), AdvisoryIDs: mergeAdvisories(nil, platform.advisories)}
	if module != nil {
		report.ModuleStatus = &module.status
		report.Status = merge(report.Status, module.status)
		report.AdvisoryIDs = mergeAdvisories(report.AdvisoryIDs, module.advisories)
	}
	report.Status = merge(report.Status, qe.status)
	report.AdvisoryIDs = mergeAdvisories(report.AdvisoryIDs, qe.advisories)
	if report.Status == StatusRevoked {
		return nil, fail(TCBRevoked, "platform, module or quoting enclave")
	}
	return report, nil
}

func (r *TDReport) checkAttributes() error {
	attributes := binary.LittleEndian.Uint64(r.TDAttributes[:])
	switch {
	case attributes&tdDebugGroup != 0:
		return fail(Debug, "the TD can be debugged or profiled")
	case attributes&tdReserved != 0:
		return fail(ReservedAttributes, "the TD has attributes that are not allowed")
	case attributes&tdSEPTVEDisable == 0:
		return fail(SEPTVE, "the TD does not disable EPT violation exceptions")
	case r.MRServiceTD != [48]byte{}:
		return fail(ServiceTD, "a service TD is bound")
	}
	return nil
}

// checkBeforeFetch checks what needs no collateral, so that nobody can make us fetch for a quote that is none.
func (v *verification) checkBeforeFetch() error {
	if err := v.checkPCKChain("", v.trust.checkPath); err != nil {
		return err
	}
	if err := v.checkQEReport(); err != nil {
		return err
	}
	return v.checkQuoteSignature()
}
