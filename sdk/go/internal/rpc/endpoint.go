package rpc

import (
	"log/slog"
	"os"
)

// Source is where a client looks for its endpoint when it was given none.
type Source struct {
	Variables []string // environment variables, the first non-empty one wins
	Socket    string   // file name of the socket, e.g. "dstack.sock"
	Notice    string   // logged when an environment variable decided
}

var socketFolders = []string{"/var/run/", "/run/", "/var/run/dstack/", "/run/dstack/"}

// Resolve returns the endpoint to use: the explicit one, else that of the environment, else the first socket that
// exists, else the usual place of that socket, so that the error of the first call names it.
func (s Source) Resolve(explicit string, logger *slog.Logger) string {
	if explicit != "" {
		return explicit
	}
	for _, name := range s.Variables {
		if endpoint := os.Getenv(name); endpoint != "" {
			logger.Info(s.Notice, "endpoint", endpoint)
			return endpoint
		}
	}
	for _, folder := range socketFolders {
		if _, err := os.Stat(folder + s.Socket); err == nil {
			return folder + s.Socket
		}
	}
	return socketFolders[0] + s.Socket
}
