#include "supervise/clients.h"

#include "base/loop.h"
#include "supervise/folder.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

static void drop(struct clients *clients, int i)
{
	loop_remove(clients->loop, clients->fd[i]);
	(void)close(clients->fd[i]);
	clients->fd[i] = -1;
	clients->is_waiting[i] = 0;
}

static int find(const struct clients *clients, int fd)
{
	for (int i = 0; i < CLIENTS_MAX; i++)
		if (clients->fd[i] == fd)
			return i;
	return -1;
}

static int on_request(void *context, int fd, uint32_t events)
{
	struct clients *clients = context;
	enum control_request request;
	int i = find(clients, fd);
	int waits = 0;
	int r;

	(void)events;
	if (i < 0)
		return 0;
	r = control_read(fd, &request);
	if (r == -EAGAIN || r == -EINTR)
		return 0;
	if (r < 0) {
		drop(clients, i);
		return 0;
	}
	r = clients->serve(clients->context, request, fd, &waits);
	clients->is_waiting[i] = waits;
	return r;
}

static int on_connection(void *context, int listen, uint32_t events)
{
	struct clients *clients = context;
	int fd = folder_accept(listen);
	int i = find(clients, -1);

	(void)events;
	if (fd < 0)
		return 0;
	if (i < 0 || loop_add(clients->loop, fd, EPOLLIN, on_request, clients) < 0) {
		(void)close(fd); /* it asks again, or says that nobody answers */
		return 0;
	}
	clients->fd[i] = fd;
	return 0;
}

int clients_open(struct clients *clients, struct loop *loop, int listen)
{
	clients->loop = loop;
	clients->listen = listen;
	for (int i = 0; i < CLIENTS_MAX; i++)
		clients->fd[i] = -1;
	return loop_add(loop, listen, EPOLLIN, on_connection, clients);
}

void clients_close(struct clients *clients)
{
	if (!clients->loop)
		return;
	for (int i = 0; i < CLIENTS_MAX; i++)
		if (clients->fd[i] >= 0)
			drop(clients, i);
	loop_remove(clients->loop, clients->listen);
	clients->loop = NULL;
}

int clients_retry(struct clients *clients)
{
	int r = 0;

	for (int i = 0; r == 0 && i < CLIENTS_MAX; i++)
		if (clients->fd[i] >= 0 && clients->is_waiting[i])
			r = clients->serve(clients->context, CONTROL_WAIT, clients->fd[i],
					   &clients->is_waiting[i]);
	return r;
}
