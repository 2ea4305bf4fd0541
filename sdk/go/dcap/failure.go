package dcap

import "fmt"

// Class says why a verification failed, for programs. The first failure counts, in the order of the checks.
type Class string

// The classes of failures.
const (
	ParseError             Class = "parse error"
	UnsupportedVersion     Class = "unsupported version"
	UnsupportedKeyType     Class = "unsupported key type"
	UnsupportedVendor      Class = "unsupported vendor"
	CollateralFetch        Class = "collateral fetch"
	CollateralDecode       Class = "collateral decode"
	IssuedInFuture         Class = "issue date in the future"
	Expired                Class = "expired"
	ChainInvalid           Class = "chain invalid"
	Revoked                Class = "revoked"
	BadTCBInfoSignature    Class = "signature invalid: tcb info"
	BadQEIdentitySignature Class = "signature invalid: qe identity"
	BadQEReportSignature   Class = "signature invalid: qe report"
	BadQuoteSignature      Class = "signature invalid: quote"
	QEReportDataMismatch   Class = "qe report data mismatch"
	QEPolicyMismatch       Class = "qe policy mismatch"
	FMSPCMismatch          Class = "fmspc mismatch"
	WrongTCBInfoType       Class = "wrong tcb info type"
	NoMatchingTCBLevel     Class = "no matching tcb level"
	ModuleIdentityMismatch Class = "module identity mismatch"
	TCBRevoked             Class = "tcb revoked"
	Debug                  Class = "debug"
	ReservedAttributes     Class = "reserved"
	SEPTVE                 Class = "sept_ve"
	ServiceTD              Class = "service td"
)

// Error is a verification that failed.
type Error struct {
	Class  Class
	Detail string
}

func (e *Error) Error() string { return string(e.Class) + ": " + e.Detail }

func fail(class Class, format string, values ...any) error {
	return &Error{class, fmt.Sprintf(format, values...)}
}
