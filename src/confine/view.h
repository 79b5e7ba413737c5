/* What the command sees of the file system, written down as a list of steps
 * before any is done.
 *
 * How it works.  Others (rootview, runview, tmpview, ...) add steps; view_apply()
 * then carries them out in process 1, in two passes: first every source that
 * lies in the host's view is opened as a detached copy of its mount, since a
 * later step may hide it; then the steps are done in order.  Mounts that need
 * a folder of ours first get it in VIEW_PRIVATE, a tmpfs that goes at the end.  All of it belongs
 * to the outer user namespace, so the command can undo none of it.
 *
 * A step that fails ends the start: the host's own view never takes the place of
 * one that could not be made.
 */
#ifndef ADIT_CONFINE_VIEW_H
#define ADIT_CONFINE_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct error;

/* Where the plan's own files are made.  /sys, since it exists everywhere and
 * gets its own mount last.
 */
#define VIEW_PRIVATE "/sys"

enum {
	VIEW_STEPS_MAX = 2048,
	VIEW_TEXT_MAX = 512 << 10, /* bytes of all paths and contents */
};

enum view_kind {
	VIEW_FILESYSTEM,  /* a new one of type `source` on target; content: its options */
	VIEW_GIVEN,	  /* the detached mount `fd`, onto target; the plan closes it */
	VIEW_ATTACH,	  /* source as the host's view has it, onto target */
	VIEW_BIND,	  /* source as the steps before have made it, onto target */
	VIEW_SEAL,	  /* target, a mount, becomes read-only */
	VIEW_UNMOUNT,	  /* target, a mount of the plan's, goes */
	VIEW_FOLDER,	  /* target, mode; nothing when it is there */
	VIEW_FILE,	  /* target, mode, content (NULL: empty); nothing when it is there */
	VIEW_LINK,	  /* target becomes a symbolic link to content */
	VIEW_DEAD_SOCKET, /* target: a socket file at which nobody listens */
	VIEW_KINDS
};

enum view_flag {
	VIEW_READ_ONLY = 1 << 0,
	VIEW_RECURSIVE = 1 << 1, /* attach, bind: with what is mounted below */
	VIEW_OPTIONAL = 1 << 2,	 /* what is gone meanwhile, source or target, is passed over */
	VIEW_INSTEAD = 1 << 3,	 /* only if the step before failed, which then is no failure */
	VIEW_NO_EXEC = 1 << 4,	 /* filesystem */
	VIEW_DEVICES = 1 << 5,	 /* filesystem: without nodev */
	VIEW_SHARED = 1 << 6,	 /* attach: the user asked for it, sockets in it stay alive */
};

struct view_step {
	enum view_kind kind;
	unsigned int flags; /* enum view_flag */
	mode_t mode;
	const char *target; /* the strings are the plan's own */
	const char *source;
	const char *content;
	int fd; /* a detached mount: of VIEW_GIVEN, else during view_apply(); -1: none */
};

struct view_plan {
	struct view_step step[VIEW_STEPS_MAX];
	size_t n_steps;
	char text[VIEW_TEXT_MAX];
	size_t text_len;
	bool is_full;	    /* a step did not fit: view_apply() refuses */
	int failure;	    /* 0, or the -errno of view_fail(): view_apply() refuses */
	const char *unseen; /* with it: the path */
	bool used_instead;  /* after view_apply(): by a writable VIEW_INSTEAD step */
};

struct view_plan *view_new(void); /* NULL: out of memory */
void view_free(struct view_plan *plan);

/* Copies the strings.  NULL members are fine where the kind has none. */
void view_add(struct view_plan *plan, const struct view_step *step);
/* A path or option made for a step: lives as long as the plan. */
const char *view_format(struct view_plan *plan, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* What lies at `path` of the host's could not be looked at, so the plan cannot
 * hide it.
 */
void view_fail(struct view_plan *plan, const char *path, int code);

/* The host's own mount of `path` is attached at its own place, so what lies in
 * it is as alive as outside.
 */
bool view_is_attached(const struct view_plan *plan, const char *path);
/* So it is, and because the user asked for it. */
bool view_is_shared(const struct view_plan *plan, const char *path);

int view_apply(struct view_plan *plan, struct error *err);

#endif
