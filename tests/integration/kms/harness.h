/* A KMS in three real processes on loopback, the webhook and guest agent it talks to, and attested clients of a
 * simulated TEE. */
#pragma once

#include "appkeys/appkeys.h"
#include "prpc/client.h"
#include "prpc/server.h"
#include "ratls/evidence.h"
#include "tdx/simulated.h"

#include <glib.h>
#include <sys/types.h>

/* ---- the webhook ---- */

typedef enum { HOOK_ALLOW, HOOK_DENY, HOOK_LIE, HOOK_FAIL, HOOK_HANG, HOOK_HUGE } HookMode;
typedef struct {
  gint mode;  /* HookMode, atomic */
  gint asked; /* how often, atomic */
  GMutex lock;
  char *last_path, *last_question;
  PrpcServer *server;
  PrpcRouter *router;
  char *url;
} Hook;

/* ---- a place for everything ---- */

typedef struct {
  char *dir;
  char *cert_dir;
  char *log_path;
  char *image_cache;
  gboolean self_authorization; /* whether kms_configure() asks for it */
  Secret *seed;
  SimulatedPki *pki;
  RatlsVerifier *verifier; /* a client's, for the KMS's own evidence */
  Hook hook;
  TdxPlatform *kms_platform; /* the CVM the KMS runs in */
  PrpcServer *agent;
  PrpcRouter *agent_router;
  char *agent_dir, *agent_address;
  guint16 port;
  char *url;
  pid_t pid; /* 0: not running */
} Kms;

/* Makes the directory, trust, webhook and agent. */
Kms *kms_new(void);
/* One that trusts the same simulated TEEs. */
Kms *kms_new_beside(Kms *other);
Kms *kms_new_with_seed(const Secret *seed);
/* Ends the process if it runs, checks that no secret of the key files is in the log, and removes everything. */
void kms_free(Kms *kms);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Kms, kms_free)

/* Writes kms.toml: the defaults of these tests followed by `extra`. Overrides with the same table must not repeat its
 * header: `onboard` is the content of [core.onboard], `auth` that of [core.auth_api]; NULL for auto-bootstrap and the
 * webhook. */
void kms_configure(Kms *kms, const char *onboard, const char *auth, const char *extra);
/* Starts dstack-kms and waits until it answers /health over TLS. */
void kms_start(Kms *kms);
/* Starts without waiting. */
void kms_spawn(Kms *kms);
/* Waits for its end; returns the wait status. */
int kms_wait(Kms *kms);
void kms_kill(Kms *kms);
/* The process of a helper program, by name. */
pid_t kms_helper(Kms *kms, const char *name);
/* RSS in KiB. */
guint64 process_rss(pid_t pid);
gboolean process_alive(pid_t pid);
char *kms_log(Kms *kms);
guint16 free_port(void);

/* ---- clients ---- */

/* A CVM of app `app_byte` x 20, instance `instance_byte` x 20 (0: no instance id). `mrtd_byte` is its image's. */
TdxPlatform *kms_client_platform(Kms *kms, guint8 app_byte, guint8 instance_byte, guint8 mrtd_byte);
/* The same for an app whose id is given. */
TdxPlatform *kms_client_platform_of(Kms *kms, const guint8 app_id[20], guint8 instance_byte, guint8 mrtd_byte);
/* A CVM that runs the same KMS. */
TdxPlatform *kms_replica_platform(Kms *kms, guint8 mrtd_byte);
#define GOOD_IMAGE 0x11
/* vm_config whose measurements the image cache knows: those of GOOD_IMAGE. */
#define VM_CONFIG                                                                                                      \
  "{\"spec_version\":1,\"os_image_hash\":\"2222222222222222222222222222222222222222222222222222222222222222\","        \
  "\"cpu_count\":1,\"memory_size\":2147483648}"

/* An HTTPS client that trusts the KMS's root CA; with `cert_pem` it presents that certificate. */
PrpcClient *kms_client(Kms *kms, const char *cert_pem, const Secret *key_pem);
/* A client with an honest RA-TLS certificate of `platform`. */
PrpcClient *kms_attested_client(Kms *kms, TdxPlatform *platform);
PrpcClient *kms_attested_client_with(Kms *kms, TdxPlatform *platform, EVP_PKEY *key);
/* The same with a report that was changed before it was quoted: a genuine quote of a TD as it should not be. */
typedef void (*KmsReportChange)(TdReport *report);
PrpcClient *kms_altered_client(Kms *kms, TdxPlatform *platform, KmsReportChange change);
/* The KMS's public temp CA, read from its files. */
X509 *kms_temp_ca(Kms *kms, EVP_PKEY **key);
