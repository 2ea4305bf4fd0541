package dcap

import (
	"encoding/binary"
)

const (
	tdQEMinVersion = 2
	tdQEMaxVersion = 3
	sgxDebug       = 0x02
)

// qeIdentity is what Intel says about its quoting enclave.
type qeIdentity struct {
	miscSelect, miscSelectMask [4]byte
	attributes, attributesMask [16]byte
	mrSigner                   [32]byte
	isvProdID                  uint16
	evaluation                 uint32
	levels                     []isvLevel
}

func checkQEIdentityType(document object) error {
	id, err := document.text("id")
	if err != nil {
		return fail(CollateralDecode, "%v", err)
	}
	var version uint16
	if err := document.get("version", &version); err != nil {
		return fail(CollateralDecode, "%v", err)
	}
	if id != "TD_QE" || version < tdQEMinVersion || version > tdQEMaxVersion {
		return fail(QEPolicyMismatch, "identity of %q version %d, the quote needs \"TD_QE\"", id, version)
	}
	return nil
}

func decodeQEIdentity(document object) (*qeIdentity, error) {
	identity := &qeIdentity{}
	for _, field := range []struct {
		key string
		out []byte
	}{
		{"miscselect", identity.miscSelect[:]}, {"miscselectMask", identity.miscSelectMask[:]},
		{"attributes", identity.attributes[:]}, {"attributesMask", identity.attributesMask[:]},
		{"mrsigner", identity.mrSigner[:]},
	} {
		if err := document.fixedHex(field.key, field.out); err != nil {
			return nil, err
		}
	}
	if err := document.get("isvprodid", &identity.isvProdID); err != nil {
		return nil, err
	}
	if err := document.get("tcbEvaluationDataNumber", &identity.evaluation); err != nil {
		return nil, err
	}
	var err error
	identity.levels, err = decodeISVLevels(document)
	return identity, err
}

// qeReport is the quoting enclave's own SGX report.
type qeReport struct {
	miscSelect [4]byte
	attributes [16]byte
	mrSigner   [32]byte
	isvProdID  uint16
	isvSVN     uint16
	reportData [64]byte
}

func parseQEReport(raw []byte) *qeReport {
	report := &qeReport{isvProdID: binary.LittleEndian.Uint16(raw[256:]), isvSVN: binary.LittleEndian.Uint16(raw[258:])}
	copy(report.miscSelect[:], raw[16:])
	copy(report.attributes[:], raw[48:])
	copy(report.mrSigner[:], raw[128:])
	copy(report.reportData[:], raw[320:])
	return report
}

func masked(value, mask, expected []byte) bool {
	for i := range value {
		if value[i]&mask[i] != expected[i] {
			return false
		}
	}
	return true
}

func (q *qeIdentity) match(report *qeReport) (*isvLevel, error) {
	switch {
	case report.mrSigner != q.mrSigner:
		return nil, fail(QEPolicyMismatch, "the quoting enclave has another signer")
	case report.attributes[0]&sgxDebug != 0:
		return nil, fail(QEPolicyMismatch, "the quoting enclave can be debugged")
	case report.isvProdID != q.isvProdID:
		return nil, fail(QEPolicyMismatch, "the quoting enclave is another product")
	case !masked(report.miscSelect[:], q.miscSelectMask[:], q.miscSelect[:]),
		!masked(report.attributes[:], q.attributesMask[:], q.attributes[:]):
		return nil, fail(QEPolicyMismatch, "the quoting enclave has other attributes")
	}
	level := matchISVLevel(q.levels, report.isvSVN)
	if level == nil {
		return nil, fail(QEPolicyMismatch, "the quoting enclave is below all its levels")
	}
	return level, nil
}
