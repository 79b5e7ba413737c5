/* Who is connected to a supervisor's socket and waits for an answer. */
#ifndef ADIT_SUPERVISE_CLIENTS_H
#define ADIT_SUPERVISE_CLIENTS_H

#include "supervise/control.h"

struct loop;

enum { CLIENTS_MAX = 24 };

struct clients {
	struct loop *loop;	     /* borrowed */
	int listen;		     /* borrowed; in the loop already */
	int fd[CLIENTS_MAX];	     /* -1: free */
	int is_waiting[CLIENTS_MAX]; /* for the first handshake */

	/* Answers on fd, at once; CONTROL_WAIT only when *ret_waits is left alone: set to
	 * 1 it is asked again by clients_retry().
	 */
	int (*serve)(void *context, enum control_request request, int fd, int *ret_waits);
	void *context;
};

/* serve and context are set already. */
int clients_open(struct clients *clients, struct loop *loop, int listen);
void clients_close(struct clients *clients);
/* Asks again for those who wait. */
int clients_retry(struct clients *clients);

#endif
