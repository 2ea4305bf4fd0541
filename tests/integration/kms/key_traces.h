/* Looks for keys in bytes: as they are, as libraries keep them in memory, and as text. */
#pragma once

#include "base/secret.h"
#include "crypto/p256.h"

#include <glib.h>
#include <sys/types.h>

typedef struct KeyTraces KeyTraces;
KeyTraces *key_traces_new(void);
void key_traces_free(KeyTraces *traces);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(KeyTraces, key_traces_free)

/* 32 bytes: big- and little-endian, hex in both cases, base64. `name` is borrowed. */
void key_traces_add(KeyTraces *traces, const char *name, const Secret *key);
/* The scalar likewise, and the body of its PEM file. */
void key_traces_add_p256(KeyTraces *traces, const char *name, EVP_PKEY *key);

/* "NAME as FORM" of the first trace that is found, or NULL. Borrowed. */
const char *key_traces_find(const KeyTraces *traces, const void *data, gsize len);

typedef struct {
  gsize start, end;
  gboolean locked; /* can't be swapped out */
} ProcessMapping;
/* The process's mappings with read access (ProcessMapping). NULL when they can't be read. */
GArray *process_mappings(pid_t pid);

typedef enum { MEMORY_ALL, MEMORY_UNLOCKED } MemoryPart;
/* The same in a process's memory, through /proc/PID/mem. *readable is FALSE when this process may not look there. */
const char *key_traces_find_in_process(const KeyTraces *traces, pid_t pid, MemoryPart part, gboolean *readable);
