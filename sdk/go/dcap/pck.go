package dcap

import (
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"slices"
)

var (
	oidSGX    = asn1.ObjectIdentifier{1, 2, 840, 113741, 1, 13, 1}
	oidSGXTCB = asn1.ObjectIdentifier{1, 2, 840, 113741, 1, 13, 1, 2}
)

// pckFacts is what a platform's certificate says about it.
type pckFacts struct {
	ppid   [16]byte
	fmspc  [6]byte
	pceID  [2]byte
	cpuSVN [components]byte
	pceSVN uint16
}

type sgxMember struct {
	ID    asn1.ObjectIdentifier
	Value asn1.RawValue
}

// sgxMembers gives the members directly below an arc, by their last number.
func sgxMembers(der []byte, arc asn1.ObjectIdentifier) (map[int]asn1.RawValue, error) {
	var list []sgxMember
	if rest, err := asn1.Unmarshal(der, &list); err != nil || len(rest) > 0 {
		return nil, errors.New("the SGX extension is malformed")
	}
	members := map[int]asn1.RawValue{}
	for _, member := range list {
		if len(member.ID) != len(arc)+1 || !slices.Equal(member.ID[:len(arc)], arc) {
			continue
		}
		last := member.ID[len(arc)]
		if _, again := members[last]; again {
			return nil, fmt.Errorf("member %v of the SGX extension twice", member.ID)
		}
		members[last] = member.Value
	}
	return members, nil
}

func takeOctets(members map[int]asn1.RawValue, last int, out []byte) error {
	var value []byte
	if rest, err := asn1.Unmarshal(members[last].FullBytes, &value); err != nil || len(rest) > 0 || len(value) != len(out) {
		return fmt.Errorf("member %d of the SGX extension is not %d octets", last, len(out))
	}
	copy(out, value)
	return nil
}

func takeInteger(members map[int]asn1.RawValue, last, most int) (int, error) {
	var value int
	if rest, err := asn1.Unmarshal(members[last].FullBytes, &value); err != nil || len(rest) > 0 || value < 0 || value > most {
		return 0, fmt.Errorf("member %d of the SGX extension is not a number up to %d", last, most)
	}
	return value, nil
}

func parsePCK(certificate *x509.Certificate) (*pckFacts, error) {
	i := slices.IndexFunc(certificate.Extensions, func(e pkixExtension) bool { return e.Id.Equal(oidSGX) })
	if i < 0 {
		return nil, errors.New("the SGX extension is missing")
	}
	members, err := sgxMembers(certificate.Extensions[i].Value, oidSGX)
	if err != nil {
		return nil, err
	}
	facts := &pckFacts{}
	for last, out := range map[int][]byte{1: facts.ppid[:], 3: facts.pceID[:], 4: facts.fmspc[:]} {
		if err := takeOctets(members, last, out); err != nil {
			return nil, err
		}
	}
	var sgxType asn1.Enumerated
	if rest, err := asn1.Unmarshal(members[5].FullBytes, &sgxType); err != nil || len(rest) > 0 {
		return nil, errors.New("the SGX type is missing")
	}
	return facts, facts.takeTCB(members[2].FullBytes)
}

func (f *pckFacts) takeTCB(der []byte) error {
	members, err := sgxMembers(der, oidSGXTCB)
	if err != nil {
		return err
	}
	if err := takeOctets(members, 18, f.cpuSVN[:]); err != nil {
		return err
	}
	pceSVN, err := takeInteger(members, 17, 0xffff)
	if err != nil {
		return err
	}
	f.pceSVN = uint16(pceSVN)
	for i, svn := range f.cpuSVN {
		if _, given := members[i+1]; !given {
			continue
		}
		if component, err := takeInteger(members, i+1, 0xff); err != nil || component != int(svn) {
			return fmt.Errorf("component %d of the SGX extension differs from its CPUSVN", i+1)
		}
	}
	return nil
}
