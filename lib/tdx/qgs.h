/* The quote generation service of the host: its messages, and how to ask it (spec: attestation F.3). */
#pragma once

#include "tdx/quote.h"

#include <glib.h>

#define TDX_REPORT_SIZE 1024
#define QGS_FRAME_HEADER 4 /* big-endian length of the message that follows */
#define QGS_MAX_MESSAGE 16384
#define QGS_MIN_QUOTE 1020

/* A framed request for a quote of one TDREPORT. */
GBytes *qgs_request(const guint8 report[TDX_REPORT_SIZE]);
/* The quote in one framed response. Error INVALID: lengths that do not add up, another message; UNAVAILABLE: the
 * service's own error code. */
GBytes *qgs_response(const void *frame, gsize len, GError **error);

/* One request and its response over a connected stream, until `deadline` (monotonic microseconds). Errors also IO and
 * TIMEOUT. */
GBytes *qgs_exchange(int fd, const guint8 report[TDX_REPORT_SIZE], gint64 deadline, GError **error);

/* The vsock port that a configuration file names in its first line "port = N"; 0: none, or no such file. */
guint32 qgs_configured_port(const char *config_path);
/* A connection to that port of the host. Error UNAVAILABLE. */
int qgs_connect(guint32 port, gint64 deadline, GError **error);
