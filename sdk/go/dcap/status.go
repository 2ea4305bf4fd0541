package dcap

import (
	"fmt"
	"slices"
)

// Status is how up to date something is, in Intel's words. Later ones are worse.
type Status int

// The statuses, by severity.
const (
	UpToDate Status = iota
	SWHardeningNeeded
	ConfigurationNeeded
	ConfigurationAndSWHardeningNeeded
	OutOfDate
	OutOfDateConfigurationNeeded
	StatusRevoked
)

var statusNames = []string{"UpToDate", "SWHardeningNeeded", "ConfigurationNeeded", "ConfigurationAndSWHardeningNeeded",
	"OutOfDate", "OutOfDateConfigurationNeeded", "Revoked"}

// String gives Intel's spelling.
func (s Status) String() string {
	if s < 0 || int(s) >= len(statusNames) {
		return fmt.Sprintf("Status(%d)", int(s))
	}
	return statusNames[s]
}

// MarshalText gives Intel's spelling.
func (s Status) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

func parseStatus(name string) (Status, error) {
	if i := slices.Index(statusNames, name); i >= 0 {
		return Status(i), nil
	}
	return 0, fmt.Errorf("unknown tcb status %q", name)
}

// merge gives the status of a platform of which part has a status of its own.
func merge(platform, part Status) Status {
	if part == OutOfDate && (platform == ConfigurationNeeded || platform == ConfigurationAndSWHardeningNeeded) {
		return OutOfDateConfigurationNeeded
	}
	return max(platform, part)
}

func mergeAdvisories(ids, more []string) []string {
	for _, id := range more {
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}
