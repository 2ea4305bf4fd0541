package dcap

import "fmt"

const maxLevels = 256

// standing is what a TCB level says of those who reach it.
type standing struct {
	status     Status
	advisories []string
}

func decodeStanding(level object) (standing, error) {
	name, err := level.text("tcbStatus")
	if err != nil {
		return standing{}, err
	}
	var result standing
	if result.status, err = parseStatus(name); err != nil {
		return result, fmt.Errorf("%s: %w", level.name, err)
	}
	if level.has("advisoryIDs") {
		err = level.get("advisoryIDs", &result.advisories)
	}
	return result, err
}

// isvLevel is a level of something with a single version number: the quoting enclave, the TDX module.
type isvLevel struct {
	isvSVN uint16
	standing
}

func decodeISVLevels(parent object) ([]isvLevel, error) {
	items, err := parent.objects("tcbLevels", maxLevels)
	if err != nil {
		return nil, err
	}
	levels := make([]isvLevel, len(items))
	for i, item := range items {
		tcb, err := item.object("tcb")
		if err != nil {
			return nil, err
		}
		if err := tcb.get("isvsvn", &levels[i].isvSVN); err != nil {
			return nil, err
		}
		if levels[i].standing, err = decodeStanding(item); err != nil {
			return nil, err
		}
		switch levels[i].status {
		case UpToDate, OutOfDate, StatusRevoked:
		default:
			return nil, fmt.Errorf("%s: status %s is of platforms only", item.name, levels[i].status)
		}
	}
	return levels, nil
}

// matchISVLevel gives the first level, in the order of the document, that is reached.
func matchISVLevel(levels []isvLevel, isvSVN uint16) *isvLevel {
	for i := range levels {
		if isvSVN >= levels[i].isvSVN {
			return &levels[i]
		}
	}
	return nil
}
