/* The firewall of a confined namespace, as nft(8) reads it: one text, applied
 * in one transaction, and shown byte for byte as it is applied.
 *
 * Everything is keyed by interface name, so the rules stand before the
 * interface does.  Source: nft(8); RFC 1122 section 3.2.1.3 (127/8), RFC 4291
 * section 2.5.3 (::1).
 */
#ifndef ADIT_PLAN_RULESET_H
#define ADIT_PLAN_RULESET_H

#include <stddef.h>

struct error;
struct step_firewall;

enum { RULESET_TEXT_LEN = 4096 }; /* final NUL included */

/* Writes the text that makes the table; nft refuses it where there is one
 * already.  (Replacing costs 12 ms in the kernel, which a new namespace need
 * not wait for.)  -EINVAL: the device's name is not one that may stand in the
 * text; -ENOSPC: `size` is too small.
 */
int ruleset_print(const struct step_firewall *firewall, char *ret, size_t size, struct error *err);

/* The text that removes the table and succeeds also where there is none. */
const char *ruleset_removal(void);

#endif
