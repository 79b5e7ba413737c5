#include "demo/attempt.h"

#include "base/address.h"
#include "base/cleanup.h"
#include "base/fd.h"
#include "demo/classify.h"
#include "demo/place.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

enum { LINE_LEN = 128, CONNECT_WAIT_S = 3 };

struct attempt {
	int out;
	int download; /* TCP; -1: none */
	uint64_t n_bytes;
};

static union endpoint at(const char *ip, uint16_t port)
{
	struct address address;

	if (!address_parse(ip, strlen(ip), &address))
		return (union endpoint){.any.sa_family = AF_UNSPEC};
	return endpoint_make(&address, port);
}

static int say(const struct attempt *attempt, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
static int say(const struct attempt *attempt, const char *format, ...)
{
	char line[LINE_LEN];
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	return fd_write_all(attempt->out, line, (size_t)len);
}

/* Connected to the web server and asked for `path`, or -1. */
static int ask_web(const char *path)
{
	struct timeval wait = {.tv_sec = CONNECT_WAIT_S};
	union endpoint web = at(DEMO_WEB_IP, DEMO_WEB_PORT);
	AUTO_FD int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char request[LINE_LEN];
	int len = snprintf(request, sizeof(request), "GET %s HTTP/1.0\r\n\r\n", path);

	if (fd < 0)
		return -1;
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	if (connect(fd, &web.any, endpoint_len(&web)) < 0 ||
	    fd_write_all(fd, request, (size_t)len) < 0)
		return -1;
	return take_fd(&fd);
}

static int do_address(struct attempt *attempt)
{
	AUTO_FD int fd = ask_web("/address");
	char answer[LINE_LEN];
	ssize_t n = fd < 0 ? 0 : recv(fd, answer, sizeof(answer) - 1, 0);

	if (n <= 0)
		return say(attempt, "address none\n");
	answer[n] = '\0';
	answer[strcspn(answer, "\r\n")] = '\0';
	return say(attempt, "address %.60s\n", answer);
}

static int do_download(struct attempt *attempt)
{
	if (attempt->download >= 0)
		(void)close(attempt->download);
	attempt->n_bytes = 0;
	attempt->download = ask_web("/download");
	return say(attempt, attempt->download < 0 ? "download none\n" : "download begun\n");
}

static int do_bytes(struct attempt *attempt)
{
	return say(attempt, "bytes %llu\n", (unsigned long long)attempt->n_bytes);
}

/* One packet of a kind: true when the kernel took it. */
struct try_kind {
	const char *name;
	bool (*send)(void);
};

static bool send_udp(const char *ip, uint16_t port, const char *device)
{
	union endpoint to = at(ip, port);
	AUTO_FD int fd = socket(to.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return false;
	if (device &&
	    setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device, (socklen_t)strlen(device) + 1) < 0)
		return false;
	return sendto(fd, "adit", 4, MSG_DONTWAIT, &to.any, endpoint_len(&to)) == 4;
}

static bool send_tcp(void)
{
	union endpoint to = at(DEMO_WEB_IP, DEMO_WEB_PORT);
	AUTO_FD int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	return fd >= 0 && (connect(fd, &to.any, endpoint_len(&to)) == 0 || errno == EINPROGRESS);
}

static bool send_dns(void)
{
	return send_udp(DEMO_WEB_IP, 53, NULL);
}

static bool send_icmp(void)
{
	union endpoint to = at(DEMO_WEB_IP, 0);
	struct icmphdr echo = {.type = ICMP_ECHO};
	AUTO_FD int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_ICMP);

	return fd >= 0 && sendto(fd, &echo, sizeof(echo), MSG_DONTWAIT, &to.any,
				 endpoint_len(&to)) == sizeof(echo);
}

static bool send_ipv6(void)
{
	return send_udp(DEMO_WEB_IP6, DEMO_WEB_PORT, NULL);
}

static bool send_bound(void)
{
	return send_udp(DEMO_WEB_IP, DEMO_BOUND_PORT, DEMO_UPLINK);
}

static bool send_raw(void)
{
	union endpoint to = at(DEMO_WEB_IP, 0);
	AUTO_FD int fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, DEMO_RAW_PROTOCOL);

	return fd >= 0 && sendto(fd, "adit", 4, MSG_DONTWAIT, &to.any, endpoint_len(&to)) == 4;
}

static bool send_multicast(void)
{
	return send_udp("239.255.255.250", DEMO_SSDP_PORT, NULL);
}

static const struct try_kind try_kinds[] = {
	{"tcp", send_tcp},
	{"dns", send_dns},
	{"icmp", send_icmp},
	{"ipv6", send_ipv6},
	{"bound", send_bound},
	{"raw", send_raw},
	{"multicast", send_multicast},
};

static int do_replay(struct attempt *attempt)
{
	for (size_t i = 0; i < sizeof(try_kinds) / sizeof(try_kinds[0]); i++) {
		unsigned int n_sent = 0;
		int r;

		for (int round = 0; round < ATTEMPT_ROUNDS; round++)
			n_sent += try_kinds[i].send();
		r = say(attempt, "offered %s %u %u\n", try_kinds[i].name, n_sent,
			ATTEMPT_ROUNDS - n_sent);
		if (r < 0)
			return r;
	}
	return say(attempt, "replayed\n");
}

static const struct order {
	const char *word;
	int (*obey)(struct attempt *attempt);
} orders[] = {
	{"address", do_address},
	{"download", do_download},
	{"bytes", do_bytes},
	{"replay", do_replay},
};

static int obey_line(struct attempt *attempt, const char *line)
{
	for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++)
		if (strcmp(line, orders[i].word) == 0)
			return orders[i].obey(attempt);
	return say(attempt, "unknown\n");
}

/* 0; 1 at the end of input; negative errno. */
static int obey_input(struct attempt *attempt, int in)
{
	char text[LINE_LEN];
	ssize_t n = read(in, text, sizeof(text) - 1);
	char *rest = text;
	char *line;

	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	if (n == 0)
		return 1;
	text[n] = '\0';
	while ((line = strsep(&rest, "\n")) != NULL) {
		int r = *line ? obey_line(attempt, line) : 0;

		if (r < 0)
			return r;
	}
	return 0;
}

static void take_bytes(struct attempt *attempt)
{
	char bytes[65536];
	ssize_t n = recv(attempt->download, bytes, sizeof(bytes), MSG_DONTWAIT);

	if (n > 0) {
		attempt->n_bytes += (uint64_t)n;
	} else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		(void)close(attempt->download);
		attempt->download = -1;
	}
}

int attempt_main(int in, int out)
{
	struct attempt attempt = {.out = out, .download = -1};
	int r = 0;

	while (r == 0) {
		struct pollfd ready[2] = {
			{.fd = in, .events = POLLIN},
			{.fd = attempt.download, .events = POLLIN},
		};

		if (poll(ready, 2, -1) < 0 && errno != EINTR)
			return 1;
		if (ready[1].revents)
			take_bytes(&attempt);
		if (ready[0].revents)
			r = obey_input(&attempt, in);
	}
	if (attempt.download >= 0)
		(void)close(attempt.download);
	return r < 0;
}
