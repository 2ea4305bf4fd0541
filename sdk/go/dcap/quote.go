package dcap

import (
	"bytes"
	"encoding/binary"
)

const (
	maxQuoteSize = 1 << 20
	headerSize   = 48
	teeTDX       = 0x81

	keyTypeP256       = 2
	certTypePCKChain  = 5
	certTypeQEReport  = 6
	qeReportSize      = 384
	bodyTypeTD10      = 2
	bodyTypeTD15      = 3
	td10Size          = 584
	td15Size          = 648
	bodyDescriptorLen = 6
)

var intelVendorID = []byte{0x93, 0x9a, 0x72, 0x33, 0xf7, 0x9c, 0x4c, 0xa9, 0x94, 0x0a, 0x0d, 0xb3, 0x95, 0x7f, 0x06, 0x07}

// TDReport is what the TDX module says about the VM.
type TDReport struct {
	TEETCBSVN      [16]byte
	MRSeam         [48]byte
	MRSignerSeam   [48]byte
	SeamAttributes [8]byte
	TDAttributes   [8]byte
	XFAM           [8]byte
	MRTD           [48]byte
	MRConfigID     [48]byte
	MROwner        [48]byte
	MROwnerConfig  [48]byte
	RTMR           [4][48]byte
	ReportData     [64]byte
	TEETCBSVN2     [16]byte // TD 1.5 only, like the next
	MRServiceTD    [48]byte
}

// Quote is a parsed TDX quote of version 4 or 5. Parsing proves nothing: see [Verify].
type Quote struct {
	Version  uint16
	UserData [20]byte // of the header: the quoting enclave's id
	Report   TDReport

	signed            []byte
	signature         []byte
	attestationKey    []byte
	qeReport          []byte
	qeReportSignature []byte
	qeAuthData        []byte
	certType          uint16
	certData          []byte
}

// reader takes bytes from the front. After the first failure it gives zeros.
type reader struct {
	rest   []byte
	failed bool
}

func (r *reader) take(n int) []byte {
	if r.failed || n < 0 || n > len(r.rest) {
		r.failed = true
		return make([]byte, min(max(n, 0), td15Size))
	}
	taken := r.rest[:n:n]
	r.rest = r.rest[n:]
	return taken
}

func (r *reader) u16() uint16 { return binary.LittleEndian.Uint16(r.take(2)) }
func (r *reader) u32() uint32 { return binary.LittleEndian.Uint32(r.take(4)) }

// sized takes as many bytes as a length in front of them says.
func (r *reader) sized(length uint32) []byte {
	if r.failed || uint64(length) > uint64(len(r.rest)) {
		r.failed = true
		return nil
	}
	return r.take(int(length))
}

// ParseQuote parses a quote. Bytes after its end are ignored, as hardware leaves some there.
func ParseQuote(raw []byte) (*Quote, error) {
	if len(raw) > maxQuoteSize {
		return nil, fail(ParseError, "quote: more than %d bytes", maxQuoteSize)
	}
	if err := checkHeader(raw); err != nil {
		return nil, err
	}
	quote := &Quote{}
	body := &reader{rest: raw}
	quote.parseHeader(body)
	bodySize, err := quote.bodySize(body)
	if err != nil {
		return nil, err
	}
	quote.Report = parseTDReport(body.take(bodySize))
	quote.signed = raw[:len(raw)-len(body.rest)]
	auth := &reader{rest: body.sized(body.u32()), failed: body.failed}
	if err := quote.parseAuthData(auth); err != nil {
		return nil, err
	}
	return quote, nil
}

func checkHeader(raw []byte) error {
	if len(raw) < headerSize {
		return fail(ParseError, "quote: shorter than its header")
	}
	version, tee := binary.LittleEndian.Uint16(raw), binary.LittleEndian.Uint32(raw[4:])
	if tee != teeTDX || version != 4 && version != 5 {
		return fail(UnsupportedVersion, "quote version %d for tee type %#x", version, tee)
	}
	if keyType := binary.LittleEndian.Uint16(raw[2:]); keyType != keyTypeP256 {
		return fail(UnsupportedKeyType, "attestation key type %d", keyType)
	}
	if !bytes.Equal(raw[12:28], intelVendorID) {
		return fail(UnsupportedVendor, "the quoting enclave is not Intel's")
	}
	return nil
}

func (q *Quote) parseHeader(r *reader) {
	header := r.take(headerSize)
	q.Version = binary.LittleEndian.Uint16(header)
	copy(q.UserData[:], header[28:])
}

func (q *Quote) bodySize(r *reader) (int, error) {
	if q.Version == 4 {
		return td10Size, nil
	}
	bodyType, size := r.u16(), r.u32()
	switch {
	case bodyType == bodyTypeTD10 && size == td10Size, bodyType == bodyTypeTD15 && size == td15Size:
		return int(size), nil
	}
	return 0, fail(ParseError, "quote: body of type %d and %d bytes", bodyType, size)
}

func parseTDReport(body []byte) TDReport {
	var report TDReport
	fields := [][]byte{
		report.TEETCBSVN[:], report.MRSeam[:], report.MRSignerSeam[:], report.SeamAttributes[:], report.TDAttributes[:],
		report.XFAM[:], report.MRTD[:], report.MRConfigID[:], report.MROwner[:], report.MROwnerConfig[:], report.RTMR[0][:],
		report.RTMR[1][:], report.RTMR[2][:], report.RTMR[3][:], report.ReportData[:], report.TEETCBSVN2[:], report.MRServiceTD[:],
	}
	for _, field := range fields {
		body = body[copy(field, body):]
	}
	return report
}

func (q *Quote) parseAuthData(r *reader) error {
	q.signature, q.attestationKey = r.take(64), r.take(64)
	outerType := r.u16()
	if !r.failed && outerType != certTypeQEReport {
		return fail(ParseError, "quote: certification data of type %d", outerType)
	}
	r.rest = r.sized(r.u32())
	q.qeReport, q.qeReportSignature = r.take(qeReportSize), r.take(64)
	q.qeAuthData = r.sized(uint32(r.u16()))
	q.certType = r.u16()
	q.certData = r.sized(r.u32())
	if r.failed {
		return fail(ParseError, "quote: cut short")
	}
	return nil
}
