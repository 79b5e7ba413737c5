/* Two workers with real sockets over loopback.  A socket pair that keeps messages
 * apart stands for each TUN.  Workers are turned by the test, step by step, or
 * have threads of their own.
 */
#ifndef ADIT_TESTS_UNIT_DATAPLANE_SIDES_H
#define ADIT_TESTS_UNIT_DATAPLANE_SIDES_H

#include "dataplane/offload_split.h"
#include "dataplane/worker.h"
#include "made_packet.h"

#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/types.h>

/* How the workers run. */
struct sides_mode {
	unsigned int n_processors; /* 0: the test turns them */
	bool is_successor;	   /* the first side takes over from one that died */
	bool is_down;		   /* that side, at first */
};

extern const struct sides_mode sides_by_turns;
extern const struct sides_mode sides_by_two_threads;
extern const struct sides_mode sides_with_helpers;
extern const struct sides_mode sides_as_successor; /* by turns, as is: */
extern const struct sides_mode sides_as_successor_that_is_down;

/* A test with workers that run so; SIDES_TEST: in all three ways. */
#define SIDES_TEST_BY(name, how)                                                                   \
	{                                                                                          \
#name " (" #how ")", name, sides_start, sides_end, (void *)(uintptr_t) & (how)     \
	}
#define SIDES_TEST(name)                                                                           \
	SIDES_TEST_BY(name, sides_by_turns), SIDES_TEST_BY(name, sides_by_two_threads),            \
		SIDES_TEST_BY(name, sides_with_helpers)

struct side {
	struct worker *worker;
	pthread_t thread; /* turns the worker, unless the test does */
	bool has_thread;
	int tun;  /* the program's end */
	int uapi; /* the supervisor's end */
	int events;
	struct pollfd watched[4]; /* the worker's ends */
	uint16_t port;
};

/* What threads of a worker do, they do in their own time: how long to wait for what
 * must come, and for what must not.
 */
enum { SIDES_LONG_MS = 5000, SIDES_SHORT_MS = 50 };

extern const char *const sides_private_keys[2];
extern const char *const sides_public_keys[2];
extern const struct sides_mode *sides_mode;
extern struct side sides[2];
extern int sides_other_ends[2][2];	    /* the workers': TUN, supervisor */
extern uint8_t side_frame[SPLIT_FRAME_MAX]; /* the last frame got */
extern char side_reply[8192];		    /* the last reply */

/* cmocka's set-up and tear-down; *state is the mode. */
int sides_start(void **state);
int sides_end(void **state);

/* Turns both workers as long as there is something to do, unless they have threads. */
void sides_run(void);
/* What the loop ends with. */
int side_end_of_loop(struct side *side);
void side_close_one(int *fd);

/* What the supervisor gets for `text`, with descriptors beside it. */
const char *side_ask_with(struct side *side, const char *text, const int *fds, size_t n_fds);
const char *side_ask(struct side *side, const char *text);
/* Until the stats have that line. */
void side_await_stats(struct side *side, const char *line);
/* Keys, the other side as a peer with that allowed IP, and more lines. */
void side_configure(int i, const char *allowed_ip, const char *more);
/* There is a session.  Made packets go from 10.0.0.1, on side 0, to 10.0.0.2. */
void sides_connect(void);

void side_put_frame(struct side *side, const struct virtio_net_hdr *header, const void *bytes,
		    size_t len);
void side_put_packet(struct side *side, const struct made *made);
/* The length of the frame for the program, or -1. */
ssize_t side_get_frame_within(struct side *side, struct virtio_net_hdr *ret, int patience_ms);
ssize_t side_get_frame(struct side *side, struct virtio_net_hdr *ret);
void side_expect_no_frame(struct side *side);

bool side_has_event_within(const struct side *side, int patience_ms);
bool side_has_event(const struct side *side);
void side_expect_no_event(const struct side *side);

#endif
