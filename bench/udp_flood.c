/* Small UDP packets from one network namespace to another, counted where they
 * arrive.
 *
 *     udp_flood FROM_NETNS TO_NETNS ADDRESS PACKET_LEN SECONDS [RATE]
 *
 * PACKET_LEN counts the IP header: 64 are 36 bytes of payload over IPv4.  RATE in
 * packets a second; 0 or none: as many as the machine gives.  Prints one line:
 *
 *     seconds=S sent=N received=N sender_cpu=S sink_cpu=S
 *
 * How it works: the sink is a child; both count in memory that they share.  Send
 * and receive move hundreds of packets a call, so that over a plain veth the pair
 * is several times faster than any tunnel that it measures.  What is received
 * counts from the first packet to the last, until nothing has come for a while.
 */
#include "base/address.h"
#include "base/cleanup.h"
#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	PORT = 7001,
	CALL_MAX = 512,	    /* packets a system call */
	PACED_MAX = 64,	    /* packets a call when there is a rate */
	PAYLOAD_MAX = 1500, /* bytes */
	SINK_BUFFER = 16 << 20,
	QUIET_MS = 200, /* without a packet: no more will come */
};

/* Written by the sink. */
struct shared {
	atomic_bool is_ready;
	uint64_t n_received;
	struct instant first, last; /* when they came */
	double cpu;		    /* seconds */
};

struct flood {
	struct mmsghdr header[CALL_MAX];
	struct iovec part[CALL_MAX];
	uint8_t bytes[CALL_MAX][PAYLOAD_MAX];
};

static struct flood flood;

static void fail(const char *what)
{
	(void)fprintf(stderr, "udp_flood: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void enter(const char *netns)
{
	AUTO_FD int fd = open(netns, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || setns(fd, CLONE_NEWNET) < 0)
		fail(netns);
}

static double cpu_seconds(void)
{
	struct rusage usage;

	(void)getrusage(RUSAGE_SELF, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void prepare(size_t len)
{
	for (size_t i = 0; i < CALL_MAX; i++) {
		flood.part[i] = (struct iovec){flood.bytes[i], len};
		flood.header[i].msg_hdr =
			(struct msghdr){.msg_iov = &flood.part[i], .msg_iovlen = 1};
	}
}

/* ---- the sink ---- */

static int open_sink(const char *netns, const union endpoint *at)
{
	const struct timeval quiet = {.tv_usec = QUIET_MS * 1000};
	const int buffer = SINK_BUFFER;
	int fd;

	enter(netns);
	fd = socket(at->any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, &at->any, endpoint_len(at)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof(buffer)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &quiet, sizeof(quiet)) < 0)
		fail("the sink");
	return fd;
}

static void sink(int fd, struct shared *shared)
{
	prepare(PAYLOAD_MAX);
	shared->is_ready = true;
	for (;;) {
		int n = recvmmsg(fd, flood.header, CALL_MAX, MSG_WAITFORONE, NULL);

		if (n < 0 && errno == EAGAIN && shared->n_received > 0)
			break;
		if (n <= 0)
			continue;
		shared->last = clock_now();
		if (shared->n_received == 0)
			shared->first = shared->last;
		shared->n_received += (uint64_t)n;
	}
	shared->cpu = cpu_seconds();
}

/* ---- the sender ---- */

static int open_sender(const char *netns, const union endpoint *to)
{
	int fd;

	enter(netns);
	fd = socket(to->any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, &to->any, endpoint_len(to)) < 0)
		fail("the sender");
	return fd;
}

static void sleep_until(struct instant until)
{
	const struct timespec at = {.tv_sec = (time_t)(until.ns / NS_PER_S),
				    .tv_nsec = (long)(until.ns % NS_PER_S)};

	(void)clock_nanosleep(CLOCK_BOOTTIME, TIMER_ABSTIME, &at, NULL);
}

/* How many packets were sent. */
static uint64_t send_all(int fd, struct instant end, uint64_t rate)
{
	const struct instant begin = clock_now();
	unsigned int a_call = rate > 0 ? PACED_MAX : CALL_MAX;
	struct instant now = begin;
	uint64_t n_sent = 0;

	while (!instant_is_due(end, now)) {
		int n = sendmmsg(fd, flood.header, a_call, 0);

		n_sent += n > 0 ? (uint64_t)n : 0;
		if (rate > 0)
			sleep_until(instant_add(begin, n_sent * NS_PER_S / rate));
		now = clock_now();
	}
	return n_sent;
}

static void run(int fd, struct shared *shared, double seconds, uint64_t rate)
{
	struct instant begin, sent;
	uint64_t n_sent;

	while (!shared->is_ready)
		(void)sched_yield();
	begin = clock_now();
	n_sent = send_all(fd, instant_add(begin, (uint64_t)(seconds * NS_PER_S)), rate);
	sent = clock_now();
	(void)wait(NULL);
	(void)printf("seconds=%.6f sent=%llu received=%llu arrived_in=%.6f sender_cpu=%.3f "
		     "sink_cpu=%.3f\n",
		     (double)instant_since(sent, begin) / NS_PER_S, (unsigned long long)n_sent,
		     (unsigned long long)shared->n_received,
		     (double)instant_since(shared->last, shared->first) / NS_PER_S, cpu_seconds(),
		     shared->cpu);
}

int main(int argc, char **argv)
{
	struct shared *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
				     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	union endpoint to = {0};
	struct address address;
	size_t header_len;
	int fd;

	if (argc < 6 || shared == MAP_FAILED)
		fail("usage: udp_flood FROM_NETNS TO_NETNS ADDRESS PACKET_LEN SECONDS [RATE]");
	if (!address_parse(argv[3], strlen(argv[3]), &address))
		fail(argv[3]);
	to = endpoint_make(&address, PORT);
	header_len = to.any.sa_family == AF_INET ? 28 : 48;
	fd = open_sink(argv[2], &to);
	if (fork() == 0) {
		sink(fd, shared);
		_exit(0);
	}
	(void)close(fd);
	fd = open_sender(argv[1], &to);
	prepare((size_t)atoi(argv[4]) - header_len);
	run(fd, shared, atof(argv[5]), argc > 6 ? (uint64_t)atoll(argv[6]) : 0);
	return 0;
}
