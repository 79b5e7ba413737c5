/* Endpoint names to addresses, in a short-lived child in the host's namespaces.
 *
 * A child, since getaddrinfo(3) blocks, loads the host's NSS modules and may
 * open sockets: none of that belongs in the supervisor, and the child's copy of
 * every key is zeroes (base/secret.h).  Never called from inside a confined
 * namespace: the name of the endpoint is the one name that the host looks up.
 */
#ifndef ADIT_SUPERVISE_RESOLVE_H
#define ADIT_SUPERVISE_RESOLVE_H

#include "base/address.h"

#include <stdint.h>
#include <sys/types.h>

struct error;

enum { RESOLVE_ADDRESSES_MAX = 8 };

struct resolve_answer {
	int gai_code; /* 0, or getaddrinfo's EAI_ code */
	uint32_t n_endpoints;
	union endpoint endpoint[RESOLVE_ADDRESSES_MAX]; /* in the resolver's order of preference */
};

/* A look-up under way.  fd becomes readable when the answer is there. */
struct resolve {
	pid_t pid; /* 0: none */
	int fd;	   /* -1: none */
};

int resolve_start(const char *host, uint16_t port, struct resolve *ret, struct error *err);
/* Takes the answer, which must be there, and ends the look-up. */
int resolve_finish(struct resolve *resolve, struct resolve_answer *ret);
/* Gives up; accepts one that never started. */
void resolve_cancel(struct resolve *resolve);

/* Start, wait at most `timeout_ns`, finish.  -ETIMEDOUT; -ENOENT with a text
 * for a person when there is no such name.
 */
int resolve_wait(const char *host, uint16_t port, uint64_t timeout_ns, struct resolve_answer *ret,
		 struct error *err);

#endif
