/* A unit of this machine's that is to be confined: what it is, and its drop-in.
 *
 * Source: systemd.unit(5).
 */
#ifndef ADIT_INTEGRATIONS_UNIT_H
#define ADIT_INTEGRATIONS_UNIT_H

#include "integrations/dropin.h"

#include <stdbool.h>
#include <stddef.h>

struct error;

enum { UNIT_NAME_LEN = 256, UNIT_PATH_LEN = 384, UNIT_FAMILIES_LEN = 1024, UNIT_SOCKETS_MAX = 8 };

struct unit {
	char name[UNIT_NAME_LEN]; /* "web.service" */
	enum dropin_kind kind;
	char path[UNIT_PATH_LEN]; /* of the drop-in */
	char families[UNIT_FAMILIES_LEN];
	/* Which start it: .socket units. */
	char socket[UNIT_SOCKETS_MAX][UNIT_NAME_LEN];
	size_t n_sockets;
};

/* Its name, ".service" added where it has no ending.  -EINVAL: no name of a unit, or a
 * kind that cannot be confined.
 */
int unit_name(const char *word, struct unit *ret, struct error *err);
/* What systemd says of it.  -ENOENT: there is none; -EOPNOTSUPP: it cannot be confined,
 * and err says why.
 */
int unit_look(struct unit *unit, struct error *err);

/* -EEXIST: there is one that is not ours; -EROFS: this is for configuration.nix. */
int unit_write(const struct unit *unit, const char *text, struct error *err);
/* *ret_was_there may be false: success as well. */
int unit_remove(const struct unit *unit, bool *ret_was_there, struct error *err);

#endif
