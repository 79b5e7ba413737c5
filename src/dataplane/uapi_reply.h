/* Replies of the configuration protocol, as they grow.
 *
 * The text holds keys when the request asked for them, so it lives in secret
 * memory and is wiped when it has been written.
 */
#ifndef ADIT_DATAPLANE_UAPI_REPLY_H
#define ADIT_DATAPLANE_UAPI_REPLY_H

#include <stdbool.h>
#include <stddef.h>

struct uapi_target;

/* Starts zeroed. */
struct uapi_reply {
	char *at; /* owned; secret_new()'s; NULL: nothing yet */
	size_t size;
	size_t len;
	size_t n_gone;	 /* bytes written to the other side already */
	bool has_failed; /* out of memory: something is missing */
};

/* Wipes and releases, and makes it zeroed again. */
void uapi_reply_done(struct uapi_reply *reply);

/* One short piece of text, at most 512 bytes. */
void uapi_reply_add(struct uapi_reply *reply, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* The answer to get=1: what a set would need to make this device again. */
void uapi_reply_add_state(struct uapi_reply *reply, const struct uapi_target *target);
/* The answer to adit_stats=1. */
void uapi_reply_add_stats(struct uapi_reply *reply, const struct uapi_target *target);

#endif
