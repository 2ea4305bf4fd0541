/* A collateral service in a thread, on loopback: honest, broken or hostile as a test wants it. */
#pragma once

#include <glib.h>
#include <jansson.h>

typedef enum {
  HONEST,
  STATUS_500,
  STATUS_302, /* to somewhere that works */
  HANG,       /* never answers */
  CLOSE_AT_ONCE,
  CUT_BODY,    /* ends before the length it announced */
  HUGE_BODY,   /* 10 MiB */
  HUGE_HEADER, /* one value of 90 KiB */
  MANY_HEADERS,
  NO_CHAIN_HEADER,
  CUT_CHAIN_HEADER,
  NOT_JSON,
  DUPLICATE_MEMBER,
  NO_SIGNATURE,
  RAW_BINARY, /* a body of zero bytes */
  N_MISCHIEFS,
} Mischief;

typedef enum { PART_PCK_CRL, PART_TCB_INFO, PART_QE_IDENTITY, PART_ROOT_CRL, PART_PCK_CERT, N_PARTS } Part;

typedef struct ServiceDouble ServiceDouble;
ServiceDouble *service_double_new(void);
/* The same over TLS, with a certificate that nobody issued. */
ServiceDouble *service_double_new_tls(void);
void service_double_free(ServiceDouble *service);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ServiceDouble, service_double_free)

/* "http://127.0.0.1:PORT", or https. */
const char *service_double_url(ServiceDouble *service);
/* Answers with the parts of a collateral object; its member pck_certificate_chain is what pckcert gives. */
void service_double_serve(ServiceDouble *service, const json_t *collateral);
void service_double_misbehave(ServiceDouble *service, Part part, Mischief mischief);
/* Revocation lists as hex text, as a PCCS gives its root list. */
void service_double_set_hex(ServiceDouble *service, gboolean hex);
/* The header SGX-TCBm of pckcert; NULL: none. */
void service_double_set_tcbm(ServiceDouble *service, const char *tcbm);
/* Stops accepting, as a network that is gone; or does so again. */
void service_double_unplug(ServiceDouble *service, gboolean unplugged);
guint service_double_count(ServiceDouble *service);
/* The request targets so far, one a line. */
char *service_double_requests(ServiceDouble *service);
