/* nft(8): a ruleset goes in on standard input, one transaction, all or nothing. */
#ifndef ADIT_NET_NFT_H
#define ADIT_NET_NFT_H

#include <stddef.h>
#include <sys/types.h>

struct error;

/* Applies the text in the caller's network namespace, with CAP_NET_ADMIN over
 * it.  nft gets an empty environment, no descriptors but its own and, where the
 * caller's user id is not 0, CAP_NET_ADMIN and nothing else across execve(2).
 *
 * -ENOENT: no nft on this machine; -EINVAL: nft refused, the text is its own
 * words; -EPERM: not allowed; -EEXIST: the text creates what there is.
 */
int nft_apply(const char *ruleset, struct error *err);
/* And says which process nft was, as the kernel's messages about its doing do (NULL: nobody
 * asks).  nft has `held` (-1: none) open until it ends: who waits for the lock on that waits
 * for nft, too, though this process be killed meanwhile.
 */
int nft_apply_as(const char *ruleset, int held, pid_t *ret_child, struct error *err);

/* The program's absolute path; also where /usr/sbin is not in PATH.  -ENOENT. */
int nft_find(char *ret, size_t size, struct error *err);

#endif
