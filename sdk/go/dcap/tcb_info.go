package dcap

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"
)

const (
	components          = 16
	tdxTCBInfoVersion   = 3
	maxModuleIdentities = 64
)

type tcbLevel struct {
	sgx, tdx [components]byte
	pceSVN   uint16
	standing
}

type moduleSigner struct {
	mrSigner   [48]byte
	attributes [8]byte
}

type moduleIdentity struct {
	id     string
	signer moduleSigner
	levels []isvLevel
}

// tcbInfo is what Intel says about a model of platform.
type tcbInfo struct {
	fmspc      [6]byte
	pceID      [2]byte
	evaluation uint32
	levels     []tcbLevel // highest first
	module     moduleSigner
	identities []moduleIdentity
}

func checkTCBInfoType(document object) error {
	id, err := document.text("id")
	if err != nil {
		return fail(CollateralDecode, "%v", err)
	}
	var version uint16
	if err := document.get("version", &version); err != nil {
		return fail(CollateralDecode, "%v", err)
	}
	if id != "TDX" || version < tdxTCBInfoVersion {
		return fail(WrongTCBInfoType, "%q version %d, the quote needs \"TDX\"", id, version)
	}
	return nil
}

func decodeTCBInfo(document object) (*tcbInfo, error) {
	info := &tcbInfo{}
	if err := document.fixedHex("fmspc", info.fmspc[:]); err != nil {
		return nil, err
	}
	if err := document.fixedHex("pceId", info.pceID[:]); err != nil {
		return nil, err
	}
	if err := document.get("tcbEvaluationDataNumber", &info.evaluation); err != nil {
		return nil, err
	}
	if err := info.decodeLevels(document); err != nil {
		return nil, err
	}
	return info, info.decodeModule(document)
}

func decodeComponents(tcb object, key string, out *[components]byte) error {
	items, err := tcb.objects(key, components)
	if err != nil {
		return err
	}
	if len(items) != components {
		return fmt.Errorf("%s.%s: %d components, expected %d", tcb.name, key, len(items), components)
	}
	for i, item := range items {
		if err := item.get("svn", &out[i]); err != nil {
			return err
		}
	}
	return nil
}

func decodeTCBLevel(item object) (tcbLevel, error) {
	var level tcbLevel
	tcb, err := item.object("tcb")
	if err != nil {
		return level, err
	}
	if err := decodeComponents(tcb, "sgxtcbcomponents", &level.sgx); err != nil {
		return level, err
	}
	if err := decodeComponents(tcb, "tdxtcbcomponents", &level.tdx); err != nil {
		return level, err
	}
	if err := tcb.get("pcesvn", &level.pceSVN); err != nil {
		return level, err
	}
	level.standing, err = decodeStanding(item)
	return level, err
}

func (t *tcbInfo) decodeLevels(document object) error {
	items, err := document.objects("tcbLevels", maxLevels)
	if err != nil {
		return err
	}
	t.levels = make([]tcbLevel, len(items))
	for i, item := range items {
		if t.levels[i], err = decodeTCBLevel(item); err != nil {
			return err
		}
	}
	slices.SortStableFunc(t.levels, func(a, b tcbLevel) int {
		return cmp.Or(bytes.Compare(b.sgx[:], a.sgx[:]), cmp.Compare(b.pceSVN, a.pceSVN), bytes.Compare(b.tdx[:], a.tdx[:]))
	})
	return nil
}

func decodeSigner(item object) (moduleSigner, error) {
	var signer moduleSigner
	var mask [8]byte // hides nothing, as no attribute may be expected to be set
	if err := item.fixedHex("mrsigner", signer.mrSigner[:]); err != nil {
		return signer, err
	}
	if err := item.fixedHex("attributes", signer.attributes[:]); err != nil {
		return signer, err
	}
	return signer, item.fixedHex("attributesMask", mask[:])
}

func (t *tcbInfo) decodeModule(document object) error {
	module, err := document.object("tdxModule")
	if err != nil {
		return err
	}
	if t.module, err = decodeSigner(module); err != nil || !document.has("tdxModuleIdentities") {
		return err
	}
	items, err := document.objects("tdxModuleIdentities", maxModuleIdentities)
	if err != nil {
		return err
	}
	t.identities = make([]moduleIdentity, len(items))
	for i, item := range items {
		identity := &t.identities[i]
		if identity.id, err = item.text("id"); err != nil {
			return err
		}
		if identity.signer, err = decodeSigner(item); err != nil {
			return err
		}
		if identity.levels, err = decodeISVLevels(item); err != nil {
			return err
		}
	}
	return nil
}

func reaches(actual, level [components]byte) bool {
	for i := range actual {
		if actual[i] < level[i] {
			return false
		}
	}
	return true
}

// match gives the highest level that the platform reaches with every one of its components.
func (t *tcbInfo) match(pck *pckFacts, report *TDReport) (*tcbLevel, error) {
	for i := range t.levels {
		level := &t.levels[i]
		if pck.pceSVN >= level.pceSVN && reaches(pck.cpuSVN, level.sgx) && reaches(report.TEETCBSVN, level.tdx) {
			return level, nil
		}
	}
	return nil, fail(NoMatchingTCBLevel, "the platform is below all %d levels", len(t.levels))
}

// matchModule judges the TDX module. The level is nil for modules without an identity of their own.
func (t *tcbInfo) matchModule(report *TDReport) (*isvLevel, error) {
	signer, levels := t.module, []isvLevel(nil)
	isvSVN, version := report.TEETCBSVN[0], report.TEETCBSVN[1]
	if version > 0 {
		id := fmt.Sprintf("TDX_%02X", version)
		i := slices.IndexFunc(t.identities, func(m moduleIdentity) bool { return strings.EqualFold(m.id, id) })
		if i < 0 {
			return nil, fail(ModuleIdentityMismatch, "tdx module version %d is not known", version)
		}
		signer, levels = t.identities[i].signer, t.identities[i].levels
	}
	var none [8]byte
	if report.MRSignerSeam != signer.mrSigner || report.SeamAttributes != none || signer.attributes != none {
		return nil, fail(ModuleIdentityMismatch, "signer or attributes of the tdx module differ")
	}
	if version == 0 {
		return nil, nil
	}
	level := matchISVLevel(levels, uint16(isvSVN))
	if level == nil {
		return nil, fail(NoMatchingTCBLevel, "the tdx module is below all its levels")
	}
	return level, nil
}
