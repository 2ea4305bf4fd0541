/* The KMS whose root keys are taken over (spec: kms 6). Nothing it sends is believed before its certificate's evidence
 * was judged, and the keys are only taken from the owner of that certificate's key. */
#pragma once

#include "kms/protocol.h"

#include <glib.h>

typedef struct {
  const char *url;       /* https, ends in /prpc */
  const char *vm_config; /* of the CVM that asks */
  const guint8 *recipient; /* KMS_RECIPIENT_SIZE bytes */
  int front; /* asked to judge the source's certificate and for a quote of this CVM, see kms/protocol.h */
} SourceRequest;

/* *sealed: the root keys for the recipient, as of kms/sealed_keys.h, whether or not the source sealed them itself.
 * *ca_spki: the key of the root CA certificate that the source showed. */
gboolean source_fetch(const SourceRequest *request, GBytes **sealed, GBytes **ca_spki, GError **error);
