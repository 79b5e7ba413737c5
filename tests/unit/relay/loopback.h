/* Connected sockets over the loopback interface, for tests. */
#ifndef ADIT_TESTS_UNIT_RELAY_LOOPBACK_H
#define ADIT_TESTS_UNIT_RELAY_LOOPBACK_H

#include "cmocka_all.h"

#include "base/address.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* 127.0.0.1 and a port. */
static inline union endpoint loopback_at(uint16_t port)
{
	const struct in_addr v4 = {htonl(INADDR_LOOPBACK)};
	const struct address address = address_from_v4(v4);

	return endpoint_make(&address, port);
}

/* Bound to a port of the kernel's choice; TCP listens. */
static inline int loopback_server(int type, union endpoint *ret_at)
{
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(*ret_at);

	*ret_at = loopback_at(0);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, &ret_at->any, endpoint_len(ret_at)), 0);
	assert_int_equal(getsockname(fd, &ret_at->any, &len), 0);
	if (type == SOCK_STREAM)
		assert_int_equal(listen(fd, 16), 0);
	return fd;
}

static inline int loopback_client(int type, const union endpoint *to)
{
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, &to->any, endpoint_len(to)), 0);
	return fd;
}

/* [0] as a program has it, [1] as the pump has: not blocking. */
static inline void loopback_pair(int ret[2])
{
	union endpoint at;
	int server = loopback_server(SOCK_STREAM, &at);

	ret[0] = loopback_client(SOCK_STREAM, &at);
	ret[1] = accept4(server, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	assert_true(ret[1] >= 0);
	(void)close(server);
}

static inline bool loopback_has_come(int fd, int timeout_ms)
{
	struct pollfd one = {.fd = fd, .events = POLLIN};

	return poll(&one, 1, timeout_ms) == 1;
}

static inline void loopback_expect(int fd, const char *text)
{
	char bytes[256] = "";
	size_t len = 0;

	while (len < strlen(text)) {
		ssize_t n;

		assert_true(loopback_has_come(fd, 5000));
		n = read(fd, bytes + len, sizeof(bytes) - 1 - len);
		assert_true(n > 0);
		len += (size_t)n;
	}
	assert_string_equal(bytes, text);
}

static inline void loopback_expect_end(int fd)
{
	char byte;

	assert_true(loopback_has_come(fd, 5000));
	assert_int_equal(read(fd, &byte, 1), 0);
}

static inline void loopback_expect_reset(int fd)
{
	char byte;

	assert_true(loopback_has_come(fd, 5000));
	assert_int_equal(read(fd, &byte, 1), -1);
	assert_int_equal(errno, ECONNRESET);
}

static inline void loopback_say(int fd, const char *text)
{
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

#endif
