/* How many of everything, from the limit of open files.
 *
 * A TCP connection takes two sockets.  Pipes are fewer than connections: what
 * has none is copied (stream.h), so that none ever waits for one.
 */
#ifndef ADIT_RELAY_LIMITS_H
#define ADIT_RELAY_LIMITS_H

#include <stddef.h>

struct error;

enum {
	LIMITS_FILES_WANTED = 40960, /* room for LIMITS_CONNECTIONS_MAX */
	LIMITS_FILES_LEAST = 512,
	LIMITS_CONNECTIONS_MAX = 16384,
};

struct limits {
	unsigned int files; /* of the pump */
	size_t listeners;
	size_t clients; /* of UDP, of all forwards */
	size_t pipes;
	size_t connections;
};

/* -EMFILE, with a hint: fewer files than LIMITS_FILES_LEAST. */
int limits_derive(unsigned int files, struct limits *ret, struct error *err);
/* What this process may give a child: as many as are wanted, else its own hard limit. */
int limits_find(struct limits *ret, struct error *err);

#endif
