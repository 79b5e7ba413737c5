/* How a supervisor is spoken to: one request, one answer, over its socket.
 *
 * A request is a word; an answer is a JSON object (RFC 8259), {"error": "...",
 * "hint": "..."} where it failed.  Each is one message of a SOCK_SEQPACKET
 * socket, of at most CONTROL_ANSWER_MAX bytes.  Both sides are the same user,
 * or the asking one is root.
 */
#ifndef ADIT_SUPERVISE_CONTROL_H
#define ADIT_SUPERVISE_CONTROL_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

struct error;
struct place;

enum { CONTROL_ANSWER_MAX = 128 * 1024, CONTROL_WORD_MAX = 32 };

enum control_request {
	CONTROL_STATUS,
	CONTROL_BRIEF, /* status without what takes time: `adit list` */
	CONTROL_WAIT,  /* answered when there has been a handshake */
	CONTROL_RELOAD,
	CONTROL_STOP, /* the supervisor ends, and the namespace stays sealed */
	CONTROL_REQUESTS,
};

/* ---- the supervisor's side ---- */

/* Reads the request that waits on a connection.  -EBADMSG: it is none;
 * -ECONNRESET: the other side has gone; -EAGAIN.
 */
int control_read(int fd, enum control_request *ret);
/* Answers.  Takes no reference; NULL, out of memory, says so. */
void control_answer(int fd, json_t *answer);
void control_answer_error(int fd, const struct error *err);

/* ---- the asking side ---- */

/* Asks and waits for the answer, at most `timeout_ns` (0: for ever); *ret is the
 * caller's, json_decref() it.  -ENOENT: no supervisor; -ETIMEDOUT; what the
 * supervisor itself answered as an error is in err, its errno with it.
 */
int control_ask(const struct place *place, enum control_request request, uint64_t timeout_ns,
		json_t **ret, struct error *err);
/* In two parts, for asking many at once: the descriptor to wait on is the caller's. */
int control_begin(const struct place *place, enum control_request request, struct error *err);
int control_finish(int fd, const struct place *place, uint64_t timeout_ns, json_t **ret,
		   struct error *err);

#endif
