/* One confined command, attended from its start to its exit status: what `run`
 * and `exec` have in common.
 *
 * How it works.  The session owns the confinement, the terminal and the loop.
 * It passes signals on, stops and goes on with the command, tells what process 1
 * has to say, and ends with it; what else its owner has to do is behind the
 * callbacks.  Until session_go() nothing runs, and a signal ends it.
 *
 *     session_init(), session_open()
 *     session_choose_user(), session_judge()
 *     confine_start() or confine_join() into session.confine
 *     session_run()
 *     session_end(), session_done()
 */
#ifndef ADIT_SUPERVISE_SESSION_H
#define ADIT_SUPERVISE_SESSION_H

#include "base/clock.h"
#include "confine/confine.h"
#include "confine/terminal.h"
#include "confine/user.h"

#include <stdbool.h>

struct error;
struct loop;

enum session_state { SESSION_STARTING, SESSION_RUNNING, SESSION_ENDED };

/* Each gets the session's context; a negative return ends session_run() with it.
 * The last three may be NULL.
 */
struct session_ops {
	int (*take_network)(void *context, const struct confine_event *event);
	int (*ready)(void *context);	  /* process 1 has made everything */
	void (*continued)(void *context); /* we were stopped */
	struct instant (*next_deadline)(void *context);
	int (*handle_deadlines)(void *context, struct instant now);
};

struct session {
	const struct session_ops *ops;
	void *context;
	struct error *err;

	enum session_state state;
	int status; /* with SESSION_ENDED */
	struct confine confine;
	struct confine_signals found; /* before any was changed: for confine_options.signals */
	struct loop *loop;
	struct terminal terminal;
	int signals; /* signalfd */
	struct instant end_of_grace;
	int grace_status; /* when it ends */
};

/* ops, context and err are set already; nothing is open afterwards. */
void session_init(struct session *session);
/* To be called before any signal is changed; also when it fails, session_done(). */
int session_open(struct session *session);

/* As whom the command runs: 1 with *ret filled, or 0, as whoever we are.  err may
 * not be NULL.
 */
int session_choose_user(const char *asked, bool as_root, struct user *ret, struct error *err);
/* Whether the command can be run inside; a warning is logged. */
int session_judge(char *const *argv, struct error *err);

/* Until the command has ended: 0, with the status in the session. */
int session_run(struct session *session);
/* Lets the command begin. */
int session_go(struct session *session);

/* Ends what still runs inside, takes the terminal back, tells what is left. */
void session_end(struct session *session);
void session_done(struct session *session);

#endif
