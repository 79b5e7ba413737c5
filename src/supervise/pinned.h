/* The file DIR/netns/NAME/seal: which network namespace is NAME, by the numbers of
 * nsfs, and where that is to be found.
 *
 * The numbers of a namespace that is gone are given to others, so they count as long as
 * something keeps it: the pin, the holder.  Where others do that, or nothing any more but
 * what runs inside, its cookie counts too, which no other namespace has until the next boot.
 *
 * Source: ioctl_ns(2), SO_NETNS_COOKIE of linux/net_namespace.h.
 */
#ifndef ADIT_SUPERVISE_PINNED_H
#define ADIT_SUPERVISE_PINNED_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct error;
struct place;

enum pinned_origin {
	PINNED_OWN,    /* adit has made the namespace */
	PINNED_PATH,   /* others have, and adit has pinned it at the place's netns */
	PINNED_OTHERS, /* others have, and it is they who have pinned it there */
};

struct pinned {
	dev_t device;
	ino_t inode;
	pid_t holder; /* 0: it is pinned */
	enum pinned_origin origin;
	bool is_sealed;	 /* what adit has made is so before it is found */
	uint64_t cookie; /* 0: not known */
};

enum { PINNED_PATH_LEN = 64 };

/* Held while something is made or removed; waits for whoever has it.  A record
 * that was removed meanwhile counts for nothing.  The caller closes it.
 */
int pinned_lock(const struct place *place, struct error *err);

/* 1, or 0: there is none, or it is empty. */
int pinned_read(const struct place *place, struct pinned *ret, struct error *err);
/* `fd` as pinned_lock() returns it. */
int pinned_write(int fd, const struct pinned *record, struct error *err);

enum pinned_found {
	FOUND_NOTHING,
	FOUND_OURS,
	FOUND_REMAINS, /* a file without a namespace, or a record of one that is gone */
	FOUND_OTHERS,
};

/* An enum pinned_found, *ret with FOUND_OURS.  What cannot be read is never taken for
 * absent: `down` would leave a namespace behind that nobody knows to be adit's.
 */
int pinned_find(const struct place *place, struct pinned *ret, struct error *err);

/* Where the namespace is found; the result is in `buffer` or in the place. */
const char *pinned_path(const struct place *place, const struct pinned *record,
			char buffer[PINNED_PATH_LEN]);

#endif
