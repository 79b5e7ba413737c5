/* A supervisor in the background. */
#ifndef ADIT_SUPERVISE_START_H
#define ADIT_SUPERVISE_START_H

struct error;
struct place;

/* Starts one and waits until the namespace is sealed and configured; it then goes
 * on in a session of its own and writes its log to the place.  -ECHILD with an
 * empty err: it has said itself why it could not begin.
 */
int start_supervisor(const struct place *place, struct error *err);

/* Whether one is there, and answers: 1, or 0.  One that is beginning or ending is
 * waited for; -ETIMEDOUT: it hangs.
 */
int start_find_supervisor(const struct place *place, struct error *err);

#endif
