/* A flow of numbered UDP packets from one network namespace to another, and what
 * has become of its order.
 *
 *     numbered_flow FROM_NETNS TO_NETNS ADDRESS:PORT COUNT [BURST]
 *
 * Sends until COUNT packets have arrived, with a lull after each BURST of them in
 * which one packet a millisecond is sent, and prints one line:
 *
 *     sent=N received=N disordered=N lost=N
 *
 * A packet is disordered when one with a higher number, or the same, came before.
 *
 * How it works: trains of long packets (UDP_SEGMENT, so that a tunnel device gets
 * them as one frame) alternate with short ones.  The sink is a child; both count
 * in memory that they share, so that the sender is never more than WINDOW packets
 * ahead and little is lost, as it else would be: nothing holds UDP back.
 */
#include "base/address.h"
#include "base/cleanup.h"
#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/udp.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	TRAIN = 40,  /* long packets of a send */
	SHORTS = 24, /* short ones after it */
	LONG_LEN = 1000,
	SHORT_LEN = 50,
	WINDOW = 12 * (TRAIN + SHORTS), /* a TUN holds 500 frames */
	SINK_BUFFER = 16 << 20,
	CALL_MAX = 64,
};

#define LOST_NS (20 * NS_PER_MS) /* without progress: what is missing will not come */
#define LULL_NS (300 * NS_PER_MS)

/* Written by the sink. */
struct counts {
	atomic_bool is_ready;
	atomic_uint_fast64_t highest; /* number that came; they begin with 1 */
	atomic_uint_fast64_t received;
	atomic_uint_fast64_t disordered;
};

static void fail(const char *what)
{
	(void)fprintf(stderr, "numbered_flow: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int open_socket(const char *netns, const union endpoint *at)
{
	AUTO_FD int space = open(netns, O_RDONLY | O_CLOEXEC);
	int fd;

	if (space < 0 || setns(space, CLONE_NEWNET) < 0)
		fail(netns);
	fd = socket(at->any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		fail("socket");
	return fd;
}

/* ---- the sink ---- */

static void count(struct counts *counts, uint64_t number)
{
	uint64_t highest = atomic_load(&counts->highest);

	if (number <= highest)
		atomic_fetch_add(&counts->disordered, 1);
	else
		atomic_store(&counts->highest, number);
	atomic_fetch_add(&counts->received, 1);
}

static void sink(const char *netns, const union endpoint *at, struct counts *counts)
{
	const int buffer = SINK_BUFFER;
	int fd = open_socket(netns, at);
	uint64_t number[CALL_MAX];
	struct iovec part[CALL_MAX];
	struct mmsghdr header[CALL_MAX] = {0};

	if (bind(fd, &at->any, endpoint_len(at)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof(buffer)) < 0)
		fail("the sink");
	for (size_t i = 0; i < CALL_MAX; i++) {
		part[i] = (struct iovec){&number[i], sizeof(number[i])};
		header[i].msg_hdr = (struct msghdr){.msg_iov = &part[i], .msg_iovlen = 1};
	}
	counts->is_ready = true;
	for (;;) {
		int n = recvmmsg(fd, header, CALL_MAX, MSG_WAITFORONE, NULL);

		for (int i = 0; i < n; i++)
			count(counts, number[i]);
	}
}

/* ---- the sender ---- */

static void put_number(uint8_t *packet, uint64_t number)
{
	memcpy(packet, &number, sizeof(number));
}

static void set_segment(int fd, int len)
{
	if (setsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &len, sizeof(len)) < 0)
		fail("UDP_SEGMENT");
}

/* TRAIN + SHORTS packets with the numbers from `first` on. */
static void send_some(int fd, uint64_t first)
{
	static uint8_t bytes[TRAIN * LONG_LEN];

	for (unsigned int i = 0; i < TRAIN; i++)
		put_number(bytes + (size_t)i * LONG_LEN, first + i);
	set_segment(fd, LONG_LEN);
	(void)send(fd, bytes, sizeof(bytes), 0);
	set_segment(fd, 0);
	for (unsigned int i = 0; i < SHORTS; i++) {
		put_number(bytes, first + TRAIN + i);
		(void)send(fd, bytes, SHORT_LEN, 0);
	}
}

static void wait_for_window(const struct counts *counts, uint64_t sent)
{
	const struct timespec moment = {.tv_nsec = 20000};
	uint64_t seen = atomic_load(&counts->highest);
	struct instant moved = clock_now();

	while (sent - seen > WINDOW && instant_since(clock_now(), moved) < LOST_NS) {
		uint64_t now = atomic_load(&counts->highest);

		if (now != seen)
			moved = clock_now();
		seen = now;
		(void)nanosleep(&moment, NULL);
	}
}

/* Returns how many packets were sent. */
static uint64_t send_lull(int fd, uint64_t first)
{
	const struct instant end = instant_add(clock_now(), LULL_NS);
	const struct timespec moment = {.tv_nsec = 1000000};
	uint8_t packet[SHORT_LEN] = {0};
	uint64_t n = 0;

	while (!instant_is_due(end, clock_now())) {
		put_number(packet, first + n++);
		(void)send(fd, packet, sizeof(packet), 0);
		(void)nanosleep(&moment, NULL);
	}
	return n;
}

static uint64_t send_flow(int fd, const struct counts *counts, uint64_t n, uint64_t burst)
{
	uint64_t lull_at = burst;
	uint64_t sent = 0;

	while (atomic_load(&counts->received) < n) {
		send_some(fd, sent + 1);
		sent += TRAIN + SHORTS;
		wait_for_window(counts, sent);
		if (sent >= lull_at) {
			sent += send_lull(fd, sent + 1);
			lull_at = sent + burst;
		}
	}
	return sent;
}

int main(int argc, char **argv)
{
	const struct timespec moment = {.tv_nsec = 1000000};
	struct counts *counts = mmap(NULL, sizeof(*counts), PROT_READ | PROT_WRITE,
				     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	union endpoint to;
	uint64_t sent;
	pid_t child;
	int fd;

	if (argc < 5 || argc > 6 || counts == MAP_FAILED ||
	    !endpoint_parse(argv[3], strlen(argv[3]), &to))
		fail("usage: numbered_flow FROM_NETNS TO_NETNS ADDRESS:PORT COUNT [BURST]");
	child = fork();
	if (child == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
		sink(argv[2], &to, counts);
	}
	while (!counts->is_ready && waitpid(child, NULL, WNOHANG) == 0)
		(void)nanosleep(&moment, NULL);
	fd = open_socket(argv[1], &to);
	if (!counts->is_ready || connect(fd, &to.any, endpoint_len(&to)) < 0)
		fail("the sender");
	sent = send_flow(fd, counts, strtoull(argv[4], NULL, 10),
			 argc > 5 ? strtoull(argv[5], NULL, 10) : UINT64_MAX);
	(void)kill(child, SIGKILL);
	(void)waitpid(child, NULL, 0);
	(void)printf("sent=%llu received=%llu disordered=%llu lost=%llu\n",
		     (unsigned long long)sent, (unsigned long long)counts->received,
		     (unsigned long long)counts->disordered,
		     (unsigned long long)(counts->highest + counts->disordered - counts->received));
	return 0;
}
