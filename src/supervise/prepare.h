/* From what the user named to everything that must be known before the first
 * namespace is made: the profile, where its endpoints are, the steps.
 */
#ifndef ADIT_SUPERVISE_PREPARE_H
#define ADIT_SUPERVISE_PREPARE_H

#include "config/config.h"
#include "config/profile.h"
#include "plan/plan.h"

#include <stdbool.h>
#include <stdint.h>

struct error;

struct prepared {
	struct profile *profile; /* owned; its public_key is derived, its endpoints are resolved */
	struct plan plan;	 /* owned; holds no secrets */
	struct plan host;	 /* likewise: the host's side, without steps where there is none */
};

/* Reads and checks the file, printing what there is to say about it on stderr.
 * -EBADMSG: it said what is wrong, and err is empty.
 */
int prepare_profile(const char *name, enum config_use use, struct prepared *ret, struct error *err);

/* Looks up endpoint names (at most `timeout_ns` each) and plans the network. */
int prepare_network(struct prepared *prepared, uint64_t timeout_ns, struct error *err);

/* Plans a lasting network with what is known of the endpoints now; a plan there is is
 * replaced on success only.
 */
int prepare_plan(struct prepared *prepared, enum profile_backend backend, struct error *err);

void prepare_done(struct prepared *prepared); /* accepts a zeroed one */

/* The endpoint for a peer out of an answer: the first that this machine has a
 * route to, else the first.  Where `present` is among them, those behind it come
 * first: it has stopped answering.
 */
struct resolve_answer;
union endpoint prepare_choose_endpoint(const struct resolve_answer *answer,
				       const union endpoint *present, uint32_t fwmark);

#endif
