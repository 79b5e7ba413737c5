/* The program that the demo watches (demo/attempt.h), as another process at the
 * other end of two pipes.
 */
#ifndef ADIT_DEMO_PROGRAM_H
#define ADIT_DEMO_PROGRAM_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct error;

enum { PROGRAM_LINE_LEN = 128 };

struct program {
	pid_t pid; /* 0: none */
	int in;	   /* we write words here; -1: none */
	int out;   /* and read lines here */
	char pending[PROGRAM_LINE_LEN];
	size_t n_pending;
};

/* Runs argv, or attempt_main() in a child of this process when argv is NULL. */
int program_start(char *const *argv, struct program *ret, struct error *err);
/* Says a word; the answer comes by program_listen(). */
int program_tell(struct program *program, const char *word, struct error *err);
/* One line without its newline.  -ETIMEDOUT; -EPIPE: the program has ended. */
int program_listen(struct program *program, uint64_t timeout_ns, char ret[PROGRAM_LINE_LEN],
		   struct error *err);
/* Both, for words with an answer of one line. */
int program_ask(struct program *program, const char *word, uint64_t timeout_ns,
		char ret[PROGRAM_LINE_LEN], struct error *err);
/* Closes its input and waits until it has ended. */
void program_stop(struct program *program);

#endif
