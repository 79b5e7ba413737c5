#include "device/server.h"

#include "base/fd.h"
#include "base/loop.h"
#include "base/secret.h"
#include "device/syntax.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	SIZE_FIRST = 4096 - SECRET_HEAD_LEN,
	READS_MAX = 16,	     /* of a client, before the others have their turn */
	PIECE_MAX = 1 << 18, /* bytes a read */
};

struct buffer {
	char *at; /* owned, secret_new()'s; NULL: nothing */
	size_t size;
	size_t len;
	size_t n_gone; /* bytes at the beginning that are done with */
};

struct client {
	struct server *server;
	int fd; /* -1: free */
	uint64_t last_active;
	uint32_t watched; /* epoll's bits */
	struct buffer in;
	struct buffer out;
	size_t seen;	   /* see syntax_find() */
	bool is_put_off;   /* its request waits for server_resume() */
	bool is_too_long;  /* what comes is thrown away, up to the request's end */
	bool is_line_over; /* with it: the last byte was a line's end */
	bool has_ended;	   /* no more comes */
	bool is_gone;	   /* nor is an answer read: what was asked in full is done */
	bool is_last;	   /* closed when its answer is read */
};

struct server {
	struct loop *loop;
	int listener;
	struct server_target target;
	uint64_t n_actions; /* a clock for last_active */
	size_t n_bytes;	    /* of all buffers */
	struct client client[SERVER_CLIENTS_MAX];
};

/* ---- buffers ---- */

static void clear(struct server *server, struct buffer *buffer)
{
	server->n_bytes -= buffer->size;
	secret_free(buffer->at);
	*buffer = (struct buffer){0};
}

static void drop_client(struct client *client)
{
	struct server *server = client->server;

	loop_remove(server->loop, client->fd);
	(void)close(client->fd);
	clear(server, &client->in);
	clear(server, &client->out);
	*client = (struct client){.server = server, .fd = -1};
}

/* The client that has been silent for longest, other than this one. */
static struct client *find_idlest(struct server *server, const struct client *other)
{
	struct client *idlest = NULL;

	for (int i = 0; i < SERVER_CLIENTS_MAX; i++) {
		struct client *client = &server->client[i];

		if (client->fd >= 0 && client != other &&
		    (!idlest || client->last_active < idlest->last_active))
			idlest = client;
	}
	return idlest;
}

/* Takes the memory of others if need be. */
static bool has_room(struct client *client, size_t len)
{
	struct server *server = client->server;
	struct client *idlest;

	while (server->n_bytes + len > SERVER_BYTES_MAX) {
		idlest = find_idlest(server, client);
		if (!idlest)
			return false;
		drop_client(idlest);
	}
	return true;
}

/* Room for one more read. */
static int grow(struct client *client, struct buffer *buffer)
{
	struct buffer larger = {.len = buffer->len};

	if (buffer->size > buffer->len)
		return 0;
	larger.size = buffer->size == 0 ? SIZE_FIRST : buffer->size * 2 + SECRET_HEAD_LEN;
	if (!has_room(client, larger.size))
		return -ENOMEM;
	larger.at = secret_new(larger.size);
	if (!larger.at)
		return -ENOMEM;
	if (buffer->at)
		memcpy(larger.at, buffer->at, buffer->len);
	clear(client->server, buffer);
	client->server->n_bytes += larger.size;
	*buffer = larger;
	return 0;
}

/* A request has been answered: what came after it moves to the front. */
static void consume(struct client *client, size_t len)
{
	struct buffer *in = &client->in;

	client->seen = 0;
	if (len == in->len) {
		clear(client->server, in);
		return;
	}
	memmove(in->at, in->at + len, in->len - len);
	secret_wipe(in->at + in->len - len, len);
	in->len -= len;
}

/* ---- answers ---- */

static int answer_text(struct client *client, char *text, size_t len)
{
	if (!has_room(client, len)) {
		secret_free(text);
		return -ENOMEM;
	}
	client->server->n_bytes += len;
	client->out = (struct buffer){.at = text, .size = len, .len = len};
	return 0;
}

static int answer_errno(struct client *client, int code)
{
	const size_t size = 32;
	char *text = secret_new(size);

	if (!text)
		return -ENOMEM;
	return answer_text(client, text, (size_t)snprintf(text, size, "errno=%d\n\n", code));
}

static int do_get(struct client *client)
{
	struct server_target *target = &client->server->target;
	char *text;
	size_t len;
	int r = target->get(target->context, &text, &len);

	if (r == -EAGAIN)
		return r;
	return r < 0 ? answer_errno(client, r) : answer_text(client, text, len);
}

static int do_set(struct client *client, const char *text, size_t len)
{
	struct server_target *target = &client->server->target;
	struct syntax_set set = {0};
	int r = syntax_read_set(text, len, &set);

	if (r == 0)
		r = target->set(target->context, &set);
	syntax_set_done(&set);
	return r == -EAGAIN ? r : answer_errno(client, r);
}

/* The stream has ended where an empty line should be. */
static void end_request(struct client *client)
{
	struct buffer *in = &client->in;
	size_t missing = in->len > 0 && in->at[in->len - 1] == '\n' ? 1 : 2;

	for (; missing > 0 && grow(client, in) == 0; missing--)
		in->at[in->len++] = '\n';
}

static bool may_end_request(const struct client *client)
{
	const struct buffer *in = &client->in;

	return client->has_ended && !client->is_gone && in->len >= 6 &&
	       memcmp(in->at, "set=1\n", 6) == 0;
}

static enum syntax_kind find_request(struct client *client, size_t *ret_len)
{
	const struct buffer *in = &client->in;
	enum syntax_kind kind = syntax_find(in->at, in->len, &client->seen, ret_len);

	if (kind != SYNTAX_PARTIAL || !may_end_request(client))
		return kind;
	end_request(client);
	client->seen = 0;
	return syntax_find(in->at, in->len, &client->seen, ret_len);
}

/* One request, if a whole one has come.  1: answered; 0: more must come; or that
 * the client must go.
 */
static int answer_one(struct client *client)
{
	const struct buffer *in = &client->in;
	size_t len = 0;
	int r = 0;

	if (in->len == 0)
		return 0;
	switch (find_request(client, &len)) {
	case SYNTAX_PARTIAL:
		return 0;
	case SYNTAX_GARBAGE:
		return -EPROTO;
	case SYNTAX_BAD_GET:
		client->is_last = true;
		r = answer_errno(client, -EINVAL);
		break;
	case SYNTAX_GET:
		r = do_get(client);
		break;
	case SYNTAX_SET:
		r = do_set(client, in->at, len);
		break;
	}
	client->is_put_off = r == -EAGAIN;
	if (r < 0)
		return r;
	consume(client, len);
	return 1;
}

/* ---- reading and writing ---- */

static int on_client(void *context, int fd, uint32_t events);

/* 1: nothing of it is left; 0: the rest waits for room. */
static int write_answer(struct client *client)
{
	struct buffer *out = &client->out;

	while (out->n_gone < out->len) {
		ssize_t n = send(client->fd, out->at + out->n_gone, out->len - out->n_gone,
				 MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EAGAIN)
			return 0;
		if (n < 0 && errno != EINTR) {
			client->is_gone = true;
			break;
		}
		out->n_gone += n > 0 ? (size_t)n : 0;
	}
	clear(client->server, out);
	return client->is_last ? -ECONNRESET : 1;
}

/* Looks for the empty line; how many of the bytes belong to what is thrown away. */
static size_t skip_long(struct client *client, const char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		bool was_over = client->is_line_over;

		client->is_line_over = bytes[i] == '\n';
		if (was_over && client->is_line_over) {
			client->is_too_long = false;
			return i + 1;
		}
	}
	return len;
}

/* A request grows too long: its beginning is not needed any more. */
static void begin_skipping(struct client *client)
{
	client->is_too_long = true;
	client->is_line_over = client->in.at[client->in.len - 1] == '\n';
	client->seen = 0;
	clear(client->server, &client->in);
}

static int skip(struct client *client, size_t from)
{
	struct buffer *in = &client->in;
	size_t n = skip_long(client, in->at + from, in->len - from);

	if (client->is_too_long) {
		in->len = from;
		return 0;
	}
	consume(client, from + n);
	return answer_errno(client, -E2BIG);
}

/* 1: something came; 0: nothing waits, or the end. */
static int read_some(struct client *client)
{
	struct buffer *in = &client->in;
	size_t from = in->len;
	size_t room;
	ssize_t n;

	if (grow(client, in) < 0)
		return -ENOMEM;
	room = in->size - in->len;
	n = recv(client->fd, in->at + in->len, room < PIECE_MAX ? room : PIECE_MAX, MSG_DONTWAIT);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	if (n == 0) {
		client->has_ended = true;
		return 0;
	}
	in->len += (size_t)n;
	if (client->is_too_long)
		return skip(client, from) < 0 ? -ENOMEM : 1;
	if (in->len > SERVER_REQUEST_MAX)
		begin_skipping(client);
	return 1;
}

/* Answers as long as answers are read. */
static int answer_all(struct client *client)
{
	int r = 1;

	while (r > 0) {
		r = write_answer(client);
		if (r > 0)
			r = answer_one(client);
	}
	return r == -EAGAIN ? 0 : r;
}

static int watch(struct client *client)
{
	bool is_waiting = client->out.len > 0;
	uint32_t events = is_waiting ? EPOLLOUT : EPOLLIN;

	/* what is put off goes on by itself, and what has ended says no more */
	if (!is_waiting && (client->is_put_off || client->has_ended))
		events = 0;
	if (events == client->watched && !client->is_gone)
		return 0;
	client->watched = events;
	loop_remove(client->server->loop, client->fd);
	/* its end would be told again and again */
	if (client->is_gone && client->is_put_off)
		return 0;
	return loop_add(client->server->loop, client->fd, events, on_client, client);
}

static void go_on(struct client *client)
{
	int r = answer_all(client);
	bool is_done = client->has_ended && client->out.len == 0 && !client->is_put_off;

	if (r < 0 || is_done || watch(client) < 0)
		drop_client(client);
}

static int on_client(void *context, int fd, uint32_t events)
{
	struct client *client = context;
	int r = 1;

	(void)fd;
	client->last_active = ++client->server->n_actions;
	if (events & (EPOLLHUP | EPOLLERR))
		client->is_gone = true;
	for (int i = 0; r > 0 && i < READS_MAX; i++)
		r = client->out.len == 0 && !client->is_put_off ? read_some(client) : 0;
	if (r < 0)
		drop_client(client);
	else
		go_on(client);
	return 0;
}

/* ---- life ---- */

static struct client *find_place(struct server *server)
{
	struct client *idlest;

	for (int i = 0; i < SERVER_CLIENTS_MAX; i++)
		if (server->client[i].fd < 0)
			return &server->client[i];
	idlest = find_idlest(server, NULL);
	drop_client(idlest);
	return idlest;
}

static int on_listener(void *context, int fd, uint32_t events)
{
	struct server *server = context;
	int accepted = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct client *client;

	(void)events;
	if (accepted < 0)
		return 0;
	client = find_place(server);
	client->fd = accepted;
	client->last_active = ++server->n_actions;
	client->watched = EPOLLIN;
	if (loop_add(server->loop, accepted, EPOLLIN, on_client, client) < 0)
		drop_client(client);
	return 0;
}

int server_new(struct loop *loop, int listener, const struct server_target *target,
	       struct server **ret)
{
	struct server *server = calloc(1, sizeof(*server));
	int r;

	if (!server)
		return -ENOMEM;
	server->loop = loop;
	server->listener = listener;
	server->target = *target;
	for (int i = 0; i < SERVER_CLIENTS_MAX; i++)
		server->client[i] = (struct client){.server = server, .fd = -1};
	r = loop_add(loop, listener, EPOLLIN, on_listener, server);
	if (r < 0) {
		free(server);
		return r;
	}
	*ret = server;
	return 0;
}

void server_resume(struct server *server)
{
	for (int i = 0; i < SERVER_CLIENTS_MAX; i++)
		if (server->client[i].fd >= 0 && server->client[i].is_put_off)
			go_on(&server->client[i]);
}

void server_free(struct server *server)
{
	if (!server)
		return;
	loop_remove(server->loop, server->listener);
	for (int i = 0; i < SERVER_CLIENTS_MAX; i++)
		if (server->client[i].fd >= 0)
			drop_client(&server->client[i]);
	free(server);
}
