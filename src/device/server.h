/* The clients of the configuration socket: wg(8), and whoever else root lets in.
 *
 * How it works: each connection has a buffer for what comes and one for what goes,
 * both in secret memory.  Requests are answered one by one, in order; while an
 * answer waits to be read, nothing more is read from that client.  Nobody
 * waits for anybody: a client that is slow, silent or hostile holds up itself.
 *
 * All buffers together hold SERVER_BYTES_MAX bytes, and there are at most
 * SERVER_CLIENTS_MAX clients: whoever needs more takes the place of the client
 * that has been silent for longest.  A request of more than
 * SERVER_REQUEST_MAX bytes is answered with -E2BIG when its end has come.
 *
 * A set that ends with the client's stream instead of an empty line is done, if
 * the client still waits for the answer; one of a client that is gone is not.
 */
#ifndef ADIT_DEVICE_SERVER_H
#define ADIT_DEVICE_SERVER_H

#include <stddef.h>

struct loop;
struct server;
struct syntax_set;

enum {
	SERVER_CLIENTS_MAX = 32,
	SERVER_REQUEST_MAX = 32 * 1024 * 1024 - 4096, /* bytes: some 80,000 peers */
	SERVER_BYTES_MAX = 128 * 1024 * 1024,
};

/* What answers.  -EAGAIN: not now; asked again by server_resume(). */
struct server_target {
	void *context;
	/* 0 or a negative errno, which is the answer. */
	int (*set)(void *context, const struct syntax_set *set);
	/* 0, with the whole answer in *ret, secret_new()'s and the server's from now
	 * on; or a negative errno, which is the answer.
	 */
	int (*get)(void *context, char **ret, size_t *ret_len);
};

/* `listener` is a non-blocking listening socket, borrowed, as is the loop.  -ENOMEM. */
int server_new(struct loop *loop, int listener, const struct server_target *target,
	       struct server **ret);
/* Asks for all requests that were put off. */
void server_resume(struct server *server);
void server_free(struct server *server); /* accepts NULL */

#endif
