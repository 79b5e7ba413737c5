#include "demo/server.h"

#include "base/address.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/fd.h"
#include "demo/place.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

enum {
	CLIENTS_MAX = 16,
	CHUNK = 128 * 1024, /* bytes a turn to each download */
	TURN_MS = 20,	    /* about 6 MB/s each: a picture of a download, no load test */
	WEB = 0,	    /* places in the poll set */
	NAMES = 1,
	FIRST_CLIENT = 2,
};

struct client {
	int fd; /* -1: free */
	bool is_download;
};

struct serving {
	int web;
	int names;
	struct client client[CLIENTS_MAX];
};

/* Both families on one socket. */
static int listen_on(int type, uint16_t port)
{
	struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	AUTO_FD int fd = socket(AF_INET6, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int on = 1;

	if (fd < 0)
		return -errno;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&any, sizeof(any)) < 0 ||
	    (type == SOCK_STREAM && listen(fd, CLIENTS_MAX) < 0))
		return -errno;
	return take_fd(&fd);
}

static void end_client(struct client *client)
{
	(void)close(client->fd);
	client->fd = -1;
}

static void accept_client(struct serving *serving)
{
	int fd = accept4(serving->web, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return;
	for (size_t i = 0; i < CLIENTS_MAX; i++) {
		if (serving->client[i].fd < 0) {
			serving->client[i] = (struct client){.fd = fd};
			return;
		}
	}
	(void)close(fd);
}

static void answer_address(const struct client *client)
{
	struct sockaddr_in6 peer;
	socklen_t len = sizeof(peer);
	char text[ADDRESS_TEXT_LEN + 1];
	struct address address;

	if (getpeername(client->fd, (struct sockaddr *)&peer, &len) < 0)
		return;
	address = address_from_v6(&peer.sin6_addr);
	address_print(&address, text);
	strcat(text, "\n");
	(void)fd_write_all(client->fd, text, strlen(text));
}

static void read_request(struct client *client)
{
	char request[256];
	ssize_t n = recv(client->fd, request, sizeof(request) - 1, 0);

	if (n <= 0) {
		if (n == 0 || (errno != EAGAIN && errno != EINTR))
			end_client(client);
		return;
	}
	request[n] = '\0';
	client->is_download = strncmp(request, "GET /download", 13) == 0;
	if (client->is_download)
		return;
	if (strncmp(request, "GET /address", 12) == 0)
		answer_address(client);
	end_client(client);
}

static void feed(struct client *client)
{
	static const char chunk[CHUNK];

	if (send(client->fd, chunk, sizeof(chunk), MSG_NOSIGNAL) < 0 && errno != EAGAIN)
		end_client(client);
}

static void answer_name(int names)
{
	char query[512];
	struct sockaddr_in6 from;
	socklen_t len = sizeof(from);
	ssize_t n = recvfrom(names, query, sizeof(query), 0, (struct sockaddr *)&from, &len);

	if (n > 0)
		(void)sendto(names, query, (size_t)n, 0, (struct sockaddr *)&from, len);
}

static void serve_turn(struct serving *serving)
{
	struct pollfd ready[FIRST_CLIENT + CLIENTS_MAX];

	ready[WEB] = (struct pollfd){.fd = serving->web, .events = POLLIN};
	ready[NAMES] = (struct pollfd){.fd = serving->names, .events = POLLIN};
	for (size_t i = 0; i < CLIENTS_MAX; i++)
		ready[FIRST_CLIENT + i] =
			(struct pollfd){.fd = serving->client[i].fd, .events = POLLIN};
	if (poll(ready, FIRST_CLIENT + CLIENTS_MAX, TURN_MS) < 0)
		return;
	if (ready[WEB].revents)
		accept_client(serving);
	if (ready[NAMES].revents)
		answer_name(serving->names);
	for (size_t i = 0; i < CLIENTS_MAX; i++) {
		struct client *client = &serving->client[i];

		if (client->fd >= 0 && ready[FIRST_CLIENT + i].fd == client->fd &&
		    ready[FIRST_CLIENT + i].revents)
			read_request(client);
		if (client->fd >= 0 && client->is_download)
			feed(client);
	}
}

__attribute__((noreturn)) static void serve(struct serving *serving)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)signal(SIGINT, SIG_IGN);
	serving->web = dup2(serving->web, STDIN_FILENO);
	serving->names = dup2(serving->names, STDOUT_FILENO);
	(void)close_range(STDERR_FILENO + 1, ~0U, 0);
	for (size_t i = 0; i < CLIENTS_MAX; i++)
		serving->client[i].fd = -1;
	for (;;)
		serve_turn(serving);
}

int server_start(struct server *ret, struct error *err)
{
	struct serving serving = {0};
	AUTO_FD int web = listen_on(SOCK_STREAM, DEMO_WEB_PORT);
	AUTO_FD int names = listen_on(SOCK_DGRAM, 53);
	pid_t pid;

	if (web < 0 || names < 0)
		return error_errno(err, web < 0 ? -web : -names,
				   "the demo's servers cannot listen");
	pid = fork();
	if (pid < 0)
		return error_errno(err, errno, "cannot start the demo's servers");
	if (pid == 0) {
		serving.web = web;
		serving.names = names;
		serve(&serving);
	}
	ret->pid = pid;
	return 0;
}

void server_stop(struct server *server)
{
	if (server->pid <= 0)
		return;
	(void)kill(server->pid, SIGKILL);
	while (waitpid(server->pid, NULL, 0) < 0 && errno == EINTR)
		;
	server->pid = 0;
}
