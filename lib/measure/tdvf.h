/* TDX firmware: its metadata, and what the TDX module measures of it (spec: measurement 2, 4.1). */
#pragma once

#include "td_hob.h"

#include <glib.h>

#define TDVF_MAX_SECTIONS 64

typedef enum {
  TDVF_BFV,
  TDVF_CFV,
  TDVF_TD_HOB,
  TDVF_TEMP_MEM,
  TDVF_PERM_MEM,
  TDVF_PAYLOAD,
  TDVF_PAYLOAD_PARAM
} TdvfType;

typedef struct {
  guint32 data_offset, raw_size; /* in the file */
  guint64 address, size;         /* in guest memory, whole pages */
  TdvfType type;
  gboolean extend;   /* contents go into MRTD */
  gboolean page_aug; /* pages are added later, not at build */
} TdvfSection;

typedef struct {
  GBytes *firmware;
  TdvfSection sections[TDVF_MAX_SECTIONS];
  guint n_sections;
} Tdvf;

/* Error INVALID: no TDX metadata, or metadata that contradicts itself. Takes a reference to the firmware. */
Tdvf *tdvf_parse(GBytes *firmware, GError **error);
void tdvf_free(Tdvf *tdvf);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Tdvf, tdvf_free)

/* `two_pass`: all pages of a section are added before any is extended. */
void tdvf_mrtd(const Tdvf *tdvf, gboolean two_pass, guint8 out[48]);
/* Which memory the TDX module's loader accepts at build. Error INVALID: more ranges than fit. */
gboolean tdvf_td_hob_layout(const Tdvf *tdvf, TdHobLayout *out, GError **error);
/* SHA-384 of the configuration volume. Error INVALID when there is none. */
gboolean tdvf_cfv_digest(const Tdvf *tdvf, guint8 out[48], GError **error);
