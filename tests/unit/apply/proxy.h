/* A netlink socket whose answers a test can spoil.
 *
 * A thread stands between the handle under test and the kernel.  At the request
 * with the chosen number it answers EIO by itself: either instead of the kernel
 * (nothing was done), or after it (it was done, and the answer got lost).
 */
#ifndef ADIT_TESTS_UNIT_APPLY_PROXY_H
#define ADIT_TESTS_UNIT_APPLY_PROXY_H

#include "net/nlsock.h"

#include <errno.h>
#include <linux/netlink.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum proxy_fault { PROXY_REFUSED, PROXY_ANSWER_LOST, PROXY_FAULTS };

enum { PROXY_NEVER = -1 };

struct proxy {
	int kernel;
	int inner; /* the thread's end */
	pthread_t thread;
	atomic_int n_requests;
	atomic_int fail_at; /* counted from 0; PROXY_NEVER */
	atomic_int fault;   /* enum proxy_fault */
	char buffer[NLSOCK_ANSWER_MAX];
};

static inline void proxy_spoil(struct proxy *proxy, uint32_t sequence)
{
	struct {
		struct nlmsghdr header;
		struct nlmsgerr error;
	} answer = {
		.header = {.nlmsg_len = sizeof(answer),
			   .nlmsg_type = NLMSG_ERROR,
			   .nlmsg_seq = sequence},
		.error = {.error = -EIO},
	};

	(void)send(proxy->inner, &answer, sizeof(answer), MSG_NOSIGNAL);
}

/* Whether the datagram holds the end of an answer. */
static inline bool proxy_is_end(const char *bytes, ssize_t len)
{
	ssize_t at = 0;

	while (at + (ssize_t)sizeof(struct nlmsghdr) <= len) {
		struct nlmsghdr header;

		memcpy(&header, bytes + at, sizeof(header));
		if (header.nlmsg_type == NLMSG_ERROR || header.nlmsg_type == NLMSG_DONE)
			return true;
		if (header.nlmsg_len < sizeof(header))
			return true;
		at += (ssize_t)NLMSG_ALIGN(header.nlmsg_len);
	}
	return false;
}

static inline void proxy_forward(struct proxy *proxy, ssize_t len, bool is_answered)
{
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	bool is_end = false;

	(void)sendto(proxy->kernel, proxy->buffer, (size_t)len, 0, (struct sockaddr *)&kernel,
		     sizeof(kernel));
	while (!is_end) {
		len = recv(proxy->kernel, proxy->buffer, sizeof(proxy->buffer), 0);
		if (len <= 0)
			return;
		is_end = proxy_is_end(proxy->buffer, len);
		if (is_answered)
			(void)send(proxy->inner, proxy->buffer, (size_t)len, MSG_NOSIGNAL);
	}
}

static inline void *proxy_run(void *context)
{
	struct proxy *proxy = context;
	ssize_t len;

	while ((len = recv(proxy->inner, proxy->buffer, sizeof(proxy->buffer), 0)) > 0) {
		struct nlmsghdr request;
		bool is_spoilt = proxy->n_requests++ == proxy->fail_at;

		memcpy(&request, proxy->buffer, sizeof(request));
		if (!is_spoilt || proxy->fault == PROXY_ANSWER_LOST)
			proxy_forward(proxy, len, !is_spoilt);
		if (is_spoilt)
			proxy_spoil(proxy, request.nlmsg_seq);
	}
	return NULL;
}

/* In the caller's network namespace.  NULL: it cannot be had. */
static inline struct proxy *proxy_open(struct nlsock **ret)
{
	struct proxy *proxy = calloc(1, sizeof(*proxy));
	int pair[2];

	if (!proxy || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0 ||
	    nlsock_adopt(pair[0], ret, NULL) < 0)
		return NULL;
	proxy->inner = pair[1];
	proxy->fail_at = PROXY_NEVER;
	proxy->kernel = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (proxy->kernel < 0 || pthread_create(&proxy->thread, NULL, proxy_run, proxy) != 0)
		return NULL;
	return proxy;
}

/* After nlsock_close() of the handle, which ends the thread. */
static inline void proxy_close(struct proxy *proxy)
{
	(void)pthread_join(proxy->thread, NULL);
	(void)close(proxy->inner);
	(void)close(proxy->kernel);
	free(proxy);
}

/* The request after `n` more fails; PROXY_NEVER: none. */
static inline void proxy_fail(struct proxy *proxy, int n, enum proxy_fault fault)
{
	proxy->fault = (int)fault;
	proxy->n_requests = 0;
	proxy->fail_at = n;
}

#endif
