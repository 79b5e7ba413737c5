/* What the supervisor (S) and process 1 (I) say to each other: fixed structs
 * over a SOCK_SEQPACKET pair, one message a packet, descriptors beside it.
 *
 * Both ends are the same program, so the structs need no wire format.
 */
#ifndef ADIT_CONFINE_CHANNEL_H
#define ADIT_CONFINE_CHANNEL_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

enum channel_kind {
	/* S to I */
	CHANNEL_MAPPED,	  /* the id maps are written (as root only) */
	CHANNEL_GO,	  /* let the command begin */
	CHANNEL_SIGNAL,	  /* number: for the command itself */
	CHANNEL_CONTINUE, /* SIGCONT for the command and its group */
	/* I to S */
	CHANNEL_HELLO,	 /* fds: the namespaces */
	CHANNEL_NETWORK, /* fds: the callback's */
	CHANNEL_READY,
	CHANNEL_NOTE,	  /* error: for the user */
	CHANNEL_LOST_TMP, /* what is left in /tmp cannot be kept */
	CHANNEL_STARTED,  /* number: the command's pid inside */
	CHANNEL_STOPPED,  /* number: the signal */
	CHANNEL_CONTINUED,
	CHANNEL_EXITED, /* number: the exit status, 128 + n for a signal */
	CHANNEL_FAILED, /* number: the exit status; error: why */
	CHANNEL_KINDS
};

struct channel_message {
	enum channel_kind kind;
	int32_t number;
	struct error error; /* pos.path is never carried */
};

/* Two ends, close-on-exec.  0 or -errno. */
int channel_open(int ret[2]);

/* 0 or -errno; -EPIPE when the other end is gone. */
int channel_send(int channel, const struct channel_message *message, const int *fds, size_t n_fds);
/* A message without descriptors. */
int channel_say(int channel, enum channel_kind kind, int32_t number);

/* 1: *ret is filled, *ret_n_fds of ret_fds (FD_PASS_MAX) are now the caller's;
 * 0: the other end is gone; -errno.  -EBADMSG for what is no message.
 */
int channel_receive(int channel, struct channel_message *ret, int *ret_fds, size_t *ret_n_fds);

/* Waits for one kind, which carries no descriptors: 0, or -ECONNRESET when
 * anything else comes.
 */
int channel_expect(int channel, enum channel_kind kind);

#endif
