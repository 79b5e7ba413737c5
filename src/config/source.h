/* Where the text of a configuration comes from: the parser itself makes no
 * system call.
 */
#ifndef ADIT_CONFIG_SOURCE_H
#define ADIT_CONFIG_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;

enum {
	CONFIG_TEXT_MAX = 1 << 20,  /* bytes of one configuration file */
	CONFIG_KEY_FILE_MAX = 4096, /* bytes of one key file */
	CONFIG_DROP_INS_MAX = 32,   /* files of NAME.conf.d */
};

/* A file as it was read. */
struct config_text {
	char *at; /* secret_new() memory; NUL at at[len] */
	size_t len;
	uint32_t mode;	/* permission bits, for messages */
	bool is_open;	/* users other than the owner and its group may read it */
	bool is_system; /* below /etc/adit, where an open key is an error */
};

struct config_source {
	void *context; /* borrowed; handed to each call */

	/* At most `max` bytes; the caller releases ret->at with secret_free().
	 * On failure err->what is a sentence that names the path.
	 */
	int (*read)(void *context, const char *path, size_t max, struct config_text *ret,
		    struct error *err);

	/* The *.conf files of a folder as malloc()ed paths in the order of their
	 * names, at most `max`.  A missing folder has none.  -E2BIG: more than `max`.
	 */
	int (*list)(void *context, const char *folder, char **ret, size_t max, size_t *ret_n,
		    struct error *err);

	/* The port of services(5), protocol "tcp" or "udp"; false: unknown. */
	bool (*service)(void *context, const char *name, const char *protocol, uint16_t *ret);

	/* Borrowed; the folder of systemd credentials, for @NAME.  NULL: none. */
	const char *credentials;
};

#endif
