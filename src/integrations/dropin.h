/* The drop-in that puts a systemd unit behind a namespace, as text.
 *
 * Pure.  Three kinds: a service; a socket, whose listening sockets are made in the
 * namespace; a container of systemd-nspawn(1), whose own root would be root's of
 * this machine without a user namespace.  Two forms: systemd.unit(5)'s, and
 * configuration.nix's where /etc cannot be written.
 *
 * Settings of the unit's own are narrowed and never widened.
 *
 * Source: systemd.exec(5), systemd.socket(5), systemd-nspawn(1).
 */
#ifndef ADIT_INTEGRATIONS_DROPIN_H
#define ADIT_INTEGRATIONS_DROPIN_H

#include <stddef.h>

struct text;

/* The first line of each; what begins otherwise is somebody else's. */
#define DROPIN_MARK "# made by adit confine"

enum dropin_kind { DROPIN_SERVICE, DROPIN_SOCKET, DROPIN_CONTAINER, DROPIN_KINDS };
enum dropin_form { DROPIN_UNIT, DROPIN_NIX };

struct dropin {
	enum dropin_kind kind;
	const char *unit;	 /* "web.service" */
	const char *name;	 /* of the namespace */
	const char *netns;	 /* its pin */
	const char *resolv_conf; /* for what runs inside */
	const char *nsswitch;
	/* RestrictAddressFamilies= as systemctl(1) shows it: "~" is any, "~A B" any but
	 * these, "A B" these, "" none.
	 */
	const char *families;
	/* Files with keys; those in /etc/adit need not be named. */
	char *const *hidden;
	size_t n_hidden;
};

void dropin_print(const struct dropin *dropin, enum dropin_form form, struct text *ret);

#endif
