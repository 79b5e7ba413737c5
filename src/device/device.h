/* A WireGuard interface out of a data plane and a configuration socket: what
 * wireguard-go is, for wg(8) and wg-quick(8).
 */
#ifndef ADIT_DEVICE_DEVICE_H
#define ADIT_DEVICE_DEVICE_H

#include <stdbool.h>

struct error;

struct device_options {
	const char *name; /* may have a %d in it: see tun_attach_any() */
	bool is_foreground;
	bool has_output;       /* in the background too */
	int tun;	       /* the device, made by somebody else; -1: none */
	int uapi;	       /* a listening UNIX socket, likewise */
	const char *name_file; /* gets the device's name and a line's end; NULL: none */
};

/* Runs until the device or its socket is removed, or a signal asks for the end.
 * In the foreground, or in the process that goes to the background, *ret_status
 * is the exit status.
 */
int device_run(const struct device_options *options, int *ret_status, struct error *err);

#endif
