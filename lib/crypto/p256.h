/* ECDSA on P-256. Keys are OpenSSL's EVP_PKEY. The functions that make one make only P-256 keys; those that take one must get
 * such a key (with its private part where that is needed), and end the program otherwise, for that is a bug of the caller. */
#pragma once

#include "base/secret.h"
#include "crypto/digest.h"

#include <glib.h>
#include <openssl/evp.h>

G_DEFINE_AUTOPTR_CLEANUP_FUNC(EVP_PKEY, EVP_PKEY_free)

#define P256_SPKI_SIZE 91
#define P256_PKCS8_SIZE 138

EVP_PKEY *p256_generate(void);
/* Whether a key that came from elsewhere is on P-256. */
gboolean p256_is(EVP_PKEY *key);
/* From a 32-byte big-endian scalar. Error INVALID when it is 0 or not below the group order: never reduced, never retried. */
EVP_PKEY *p256_from_scalar(const Secret *scalar, GError **error);
/* The child key of spec kms 4.1: scalar = KDF(parent's scalar, context). Errors as p256_from_scalar(). */
EVP_PKEY *p256_derive(EVP_PKEY *parent, const KdfContext *context, gsize n_context, GError **error);
Secret *p256_scalar(EVP_PKEY *key);

/* SubjectPublicKeyInfo DER, 91 bytes, uncompressed point. */
GBytes *p256_spki(EVP_PKEY *key);
/* The 65-byte uncompressed point. */
void p256_point(EVP_PKEY *key, guint8 out[65]);
/* Error INVALID unless it is exactly an uncompressed P-256 key. */
EVP_PKEY *p256_from_spki(const void *der, gsize len, GError **error);
/* From x || y; NULL for a point off the curve. */
EVP_PKEY *p256_from_raw_point(const guint8 raw[64]);

/* PKCS#8 version 0 with the public key inside, exactly the 138 bytes other dstack programs hash and compare. */
Secret *p256_pkcs8(EVP_PKEY *key);
/* PEM of the same ("PRIVATE KEY", 64 columns, LF). */
Secret *p256_to_pem(EVP_PKEY *key);
/* Reads a PKCS#8 PEM private key of exactly that form. Error INVALID for another curve or algorithm, a key without its public
 * part, or with that of another key. */
EVP_PKEY *p256_from_pem(const void *pem, gsize len, GError **error);

/* ECDSA-SHA256 over `data`; signature as ASN.1 DER. Verifying takes any key, and is FALSE for one that is not P-256. */
GBytes *p256_sign(EVP_PKEY *key, const void *data, gsize len);
gboolean p256_verify(EVP_PKEY *key, const void *data, gsize len, const void *signature, gsize signature_len);
/* The raw forms of quotes: key x || y, signature r || s, each 32 bytes big-endian. FALSE for a point off the curve, r or s
 * out of range, or a signature that does not verify. */
gboolean p256_verify_raw(const guint8 public_key[64], const void *data, gsize len, const guint8 signature[64]);
void p256_sign_raw(EVP_PKEY *key, const void *data, gsize len, guint8 signature[64]);
