/* What the process beside a data plane gives up once it has its device.
 *
 * Sources: capabilities(7), prctl(2), user_namespaces(7).
 */
#ifndef ADIT_DEVICE_PRIVILEGE_H
#define ADIT_DEVICE_PRIVILEGE_H

struct error;
struct sandbox_options;

/* Of the capabilities it has it keeps those for ports, marks, links, and for
 * starting and ending a data plane under another user.  No new privileges, no
 * core file, not to be traced by its own user.
 */
int privilege_drop(struct error *err);

/* The user for the data plane: nobody, where we are root and there is one. */
void privilege_choose_ids(struct sandbox_options *ret);

#endif
