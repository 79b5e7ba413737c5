/* What `up` or `reload` would do, for whoever wants to see it first.  Changes
 * nothing, and needs no privilege where the namespace is not there yet.
 */
#ifndef ADIT_SUPERVISE_PREVIEW_H
#define ADIT_SUPERVISE_PREVIEW_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct error;
struct inside;
struct plan;
struct survey;

enum { PREVIEW_PARTS = 2 };

/* All of it borrowed, for the call. */
struct preview {
	const char *name;    /* of the namespace; "": the file's name is none */
	const char *backend; /* "kernel", "userspace" */
	const char *path;    /* of a namespace that others have made; "": adit's own */
	/* In this order.  Not there yet: what seals it, then what the file adds; there:
	 * what differs.
	 */
	const struct plan *part[PREVIEW_PARTS];
	size_t n_parts;
	const struct plan *host;     /* the host's side, before the last part; no steps: none */
	const struct survey *survey; /* what is there; NULL: nothing is */
	const struct plan *desired;  /* all that the file says */
	const char *resolv_conf;     /* and what it makes of resolv.conf */
};

struct preview_with {
	void *context;
	/* Of a namespace that is there, before `tell` and in the caller's process; `status`
	 * is what its supervisor answers, NULL: nothing.  NULL where it is not wanted.
	 */
	int (*look)(void *context, const struct inside *inside, const json_t *status,
		    struct error *err);
	/* Called once.  May be in a child inside the namespace: what it writes it flushes. */
	int (*tell)(void *context, const struct preview *preview, struct error *err);
	bool has_units; /* it is adit-netns@ that seals, without having read the file */
};

/* `name` as for prepare_profile(), whose failures are the same. */
int preview_make(const char *name, const struct preview_with *with, struct error *err);

#endif
