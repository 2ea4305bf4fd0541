/* A KMS of a few lines on loopback, with faults to choose from. */
#pragma once

#include "prpc/server.h"
#include "simulated_tee.h"

typedef struct {
  const char *usage;         /* of the server's certificate; NULL: none */
  const char *host;          /* its alternative name */
  SimulatedTee *evidence_of; /* puts evidence for the server's key in its certificate */
  gboolean stolen_evidence;  /* evidence for another key instead */
  gboolean other_ca_in_answer;
  gboolean short_disk_key;
  gboolean certifies_other_key;
  gboolean foreign_chain; /* SignCert answers a chain under another root */
  gboolean refuses;
} FakeKmsOptions;

typedef struct FakeKms FakeKms;
/* `verifier` judges the clients. */
FakeKms *fake_kms_new(RatlsVerifier *verifier, const FakeKmsOptions *options);
void fake_kms_free(FakeKms *kms);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(FakeKms, fake_kms_free)

/* "https://127.0.0.1:PORT". Borrowed. */
const char *fake_kms_url(FakeKms *kms);
/* The root certificate; to be freed with g_free(). */
char *fake_kms_root_pem(FakeKms *kms);
/* SPKI of the root. New reference. */
GBytes *fake_kms_root_spki(FakeKms *kms);
/* Calls of GetAppKey and SignCert that arrived, and different client certificates among them. */
guint fake_kms_calls(FakeKms *kms);
guint fake_kms_clients(FakeKms *kms);
