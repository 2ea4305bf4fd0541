/* An Ethereum node that answers as it is told: well, or in every wrong way. */
#pragma once

#include "prpc/server.h"

#include <glib.h>

typedef enum {
  NODE_GOOD,
  NODE_HANG,
  NODE_WRONG_ID,
  NODE_NO_JSON,
  NODE_HUGE, /* 10 MiB */
  NODE_STATUS_500,
  NODE_REVERT, /* an error object with revert data */
  NODE_NULL_RESULT,
  NODE_EMPTY_ANSWER, /* "0x", as for an address without a contract */
  NODE_SHORT_ANSWER, /* 32 bytes */
  NODE_BAD_FLAG,     /* a bool that is 2 */
  NODE_BAD_OFFSET,
  NODE_ODD_DIGITS,
  NODE_ONE_FOR_ALL, /* one object in the place of a batch */
} NodeMode;

typedef struct {
  /* All atomic. */
  gint mode;
  gint allow;
  gint chain_id;
  gint head;        /* number of the newest block */
  gint calls;       /* eth_call seen */
  gint64 timestamp; /* of the newest block; set before the first question */
  GMutex lock;
  char *last_block; /* parameter of the last eth_call */
  char *last_data;
  PrpcRouter *router;
  PrpcServer *server;
  char *url; /* ends in a path that must never be shown */
} FakeNode;

#define FAKE_NODE_SECRET "secret-key-of-the-provider"
#define FAKE_NODE_GATEWAY "0x32467b43BFa67273FC7dDda0999Ee9A12F2AaA08"

FakeNode *fake_node_new(void);
void fake_node_free(FakeNode *node);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(FakeNode, fake_node_free)
