/* The web server and the name server at the far end: one process, one loop.
 *
 * /address answers with the address it sees; /download streams until the other
 * side has enough.  The name server answers any query with the query: that it
 * came is what matters.
 */
#ifndef ADIT_DEMO_SERVER_H
#define ADIT_DEMO_SERVER_H

#include <sys/types.h>

struct error;

struct server {
	pid_t pid; /* 0: none */
};

/* Listens in the caller's network namespace, then serves from a child that ends
 * with its parent.
 */
int server_start(struct server *ret, struct error *err);
void server_stop(struct server *server);

#endif
