/* Secrets to be searched for in the memory of another process.
 *
 * A needle is known by pieces of 8 bytes, so that half of a key is found too, and
 * so is a key with the pad of HMAC over it, or with each of its 32-bit words twice
 * and more, as ciphers with vectors spread it.  Where a piece lies is told apart:
 * memory that core files leave out ("dd" of VmFlags, proc(5)) is where secrets
 * belong, all other memory is not.
 */
#ifndef ADIT_TESTS_UNIT_WIREGUARD_NEEDLES_H
#define ADIT_TESTS_UNIT_WIREGUARD_NEEDLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum needle_kind {
	NEEDLE_PRIVATE,	  /* static private key */
	NEEDLE_PRESHARED, /* key */
	NEEDLE_AGREED,	  /* what X25519 gave: of both static keys, or of a handshake */
	NEEDLE_EPHEMERAL, /* private key */
	NEEDLE_CHAIN,	  /* what the KDF gave on the way: chaining keys, keys of messages */
	NEEDLE_SESSION,	  /* keys */
	NEEDLE_COOKIE,	  /* and what it is made with */
	NEEDLE_DEAD,	  /* what nobody may have any more */
	NEEDLE_KINDS
};

struct needles;

struct needles *needles_new(void);
void needles_free(struct needles *needles);

/* A second time is no change, whatever its kind.  Zeroes are nobody's secret. */
void needles_add(struct needles *needles, enum needle_kind kind, const uint8_t *bytes, size_t len);
/* All of these kinds (bits) become NEEDLE_DEAD. */
void needles_bury(struct needles *needles, unsigned int kinds);

struct needles_found {
	unsigned int n_secret[NEEDLE_KINDS];   /* pieces in secret memory */
	unsigned int n_ordinary[NEEDLE_KINDS]; /* elsewhere */
	size_t n_bytes;			       /* looked at */
};

/* Prints where those lie that are in ordinary memory or dead. */
void needles_search(const struct needles *needles, pid_t pid, struct needles_found *ret);

#endif
