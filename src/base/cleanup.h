/* Scope-bound ownership.  A name marked AUTO_* owns what it holds until it
 * goes out of scope or is given away with take_fd()/take_ptr().
 *
 * A function uses AUTO_* or `goto`, never both.  Declare and assign in one
 * statement, so that unwinding runs in reverse order.
 */
#ifndef ADIT_BASE_CLEANUP_H
#define ADIT_BASE_CLEANUP_H

#include <stdlib.h>
#include <unistd.h>

/* AUTO(type) struct type *x: released by the function that DEFINE_AUTO names. */
#define AUTO(type) __attribute__((cleanup(type##_cleanup)))
#define DEFINE_AUTO(type, release)                                                                 \
	static inline void type##_cleanup(struct type **owned)                                     \
	{                                                                                          \
		if (*owned)                                                                        \
			release(*owned);                                                           \
	}                                                                                          \
	struct type

/* AUTO_FD int fd: closed when it is 0 or more. */
#define AUTO_FD __attribute__((cleanup(fd_cleanup)))
static inline void fd_cleanup(const int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
}

/* AUTO_FREE type *x: freed. */
#define AUTO_FREE __attribute__((cleanup(free_cleanup)))
static inline void free_cleanup(void *owned)
{
	free(*(void **)owned);
}

/* Gives the descriptor away; the variable no longer closes it. */
static inline int take_fd(int *fd)
{
	int given = *fd;

	*fd = -1;
	return given;
}

/* Gives the pointer away; the variable no longer releases it. */
#define take_ptr(variable)                                                                         \
	__extension__({                                                                            \
		__typeof__(variable) given_ = (variable);                                          \
		(variable) = NULL;                                                                 \
		given_;                                                                            \
	})

#endif
