/* What is said when a namespace is taken away. */
#ifndef ADIT_CLI_GUESTS_H
#define ADIT_CLI_GUESTS_H

struct down_result;
struct place;

/* Logs who is still inside, and that there was none. */
void guests_log(const struct place *place, const struct down_result *result);

#endif
