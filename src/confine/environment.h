/* The environment of what runs inside: the caller's without the names that lead
 * to programs outside, and with those that lead to what is there.
 */
#ifndef ADIT_CONFINE_ENVIRONMENT_H
#define ADIT_CONFINE_ENVIRONMENT_H

#include <stdbool.h>

struct environment_facts {
	unsigned int shares;	 /* enum confine_share */
	const char *runtime_dir; /* XDG_RUNTIME_DIR inside */
	bool has_bus;		 /* a session bus listens at runtime_dir/bus */
	bool has_display;
	bool has_sound;
};

/* A NULL-terminated array to be released with free(); it borrows the strings of
 * `from`.  NULL: out of memory.
 */
char **environment_make(char *const *from, const struct environment_facts *facts);

#endif
