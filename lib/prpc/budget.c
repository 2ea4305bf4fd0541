/* What all connections hold together is bounded, whatever each of them may hold: ten thousand requests that never end
 * must not take the machine's memory. Over the bound the greediest connection is the one that goes. */
#include "prpc/server_private.h"

#define MAX_HELD (64 * 1024 * 1024) /* bytes of requests and answers in all buffers */

static gsize held_by(const PrpcConnection *connection) {
  gsize held = evbuffer_get_length(connection->in) + evbuffer_get_length(connection->out);
  if (connection->body.content)
    held += connection->body.content->len;
  if (connection->request && connection->request->body)
    held += g_bytes_get_size(connection->request->body);
  return held;
}

void prpc_budget_count(PrpcConnection *connection) {
  gsize held = held_by(connection);
  connection->server->held += held - connection->held;
  connection->held = held;
}

void prpc_budget_return(PrpcConnection *connection) {
  connection->server->held -= connection->held;
  connection->held = 0;
}

PrpcConnection *prpc_budget_victim(const PrpcServer *server) {
  PrpcConnection *victim = NULL;
  for (GList *at = server->held > MAX_HELD ? server->connections.head : NULL; at; at = at->next) {
    PrpcConnection *connection = at->data;
    gboolean can_go = !connection->in_worker && connection->state != PRPC_STATE_DEAD;
    if (can_go && connection->held > (victim ? victim->held : 0))
      victim = connection;
  }
  return victim;
}
