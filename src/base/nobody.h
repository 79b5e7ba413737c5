/* Whom an unprivileged process of root's is to be.
 *
 * Source: user_namespaces(7); 65534 is the kernel's overflow id, and Debian's
 * nobody and nogroup.
 */
#ifndef ADIT_BASE_NOBODY_H
#define ADIT_BASE_NOBODY_H

#include <stdbool.h>

enum { NOBODY_ID = 65534 }; /* user and group */

/* We are root and there is a nobody: a user namespace that an ordinary user made
 * has one or two users, none of whom is.
 */
bool nobody_is_there(void);

#endif
