/* Which keys this user's running adits hold, so that two clients never fight
 * over one: a server sends replies to the newer of two with one key, and both
 * stall each other.
 *
 * A running adit holds a lock on DIR/KEY.lock (which names its process) and
 * listens on DIR/KEY.sock, where `adit run --join` asks for its namespaces.
 * KEY is the public key in hexadecimal, DIR the user's own (folder.h).
 *
 * Limits: adits of other users, and other WireGuard programs, are not seen.
 */
#ifndef ADIT_SUPERVISE_REGISTRY_H
#define ADIT_SUPERVISE_REGISTRY_H

#include "supervise/folder.h"

#include <stdint.h>
#include <sys/types.h>

struct error;

struct registry {
	int lock;   /* -1: none */
	int listen; /* SOCK_SEQPACKET; -1: none */
	char lock_path[FOLDER_PATH_LEN];
	char socket_path[FOLDER_PATH_LEN];
};

/* Claims the key.  -EBUSY when a running adit has it: *ret_holder is its process. */
int registry_claim(const uint8_t public_key[32], struct registry *ret, pid_t *ret_holder,
		   struct error *err);
/* Gives the key back; accepts one that was never claimed. */
void registry_release(struct registry *registry);

/* Removes what adits have left that were killed; those that live are not touched. */
void registry_sweep(void);

/* As folder_accept(). */
int registry_accept(const struct registry *registry);

/* Connects to the adit that holds the key. -ENOENT: none does. */
int registry_connect(const uint8_t public_key[32], int *ret_socket, struct error *err);

#endif
