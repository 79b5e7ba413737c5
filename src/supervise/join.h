/* `adit run --join`: a further command in the namespaces of a running adit.
 *
 * The holder of the key hands its namespaces' descriptors to a process of the
 * same user over the registry's socket; the joiner then starts its command
 * there, confined alike, and the command ends with the holder's namespaces at
 * the latest.
 */
#ifndef ADIT_SUPERVISE_JOIN_H
#define ADIT_SUPERVISE_JOIN_H

#include "confine/confine.h"

struct error;
struct registry;

/* The holder's side: serves one request, if one is there. */
void join_serve(const struct registry *registry, const int ns[CONFINE_NAMESPACES]);

/* The joiner's side.  Descriptors that the holder lacks are -1; the caller owns
 * the others.  -ENOENT: no adit of this user's holds the key.
 */
int join_ask(const uint8_t public_key[32], int ret_ns[CONFINE_NAMESPACES], struct error *err);

#endif
