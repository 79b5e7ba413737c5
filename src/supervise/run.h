/* One command behind the tunnel, from its file to its exit status.
 *
 * How it works.  The supervisor stays in the host's namespaces and keeps the
 * keys; it reads the file, finds the endpoints, and then starts two children:
 * process 1 of the confinement (confine/), which makes the network from inside
 * and hands over the TUN, and the data plane (tunnel/), which gets the TUN and
 * the keys.  When the first handshake is done the command is let go.  From then
 * on the supervisor only passes on signals, replaces a dead data plane (the
 * namespace stays sealed meanwhile: its firewall, its routes and its only link
 * do not depend on any process but process 1), looks the endpoint's name up
 * again when no handshake comes, and lets `--join` in.
 *
 *     PREPARING ──► CONNECTING ──► RUNNING ──► ENDED
 *         └──────────────┴─────────────┴─ any failure: ENDED, everything undone
 */
#ifndef ADIT_SUPERVISE_RUN_H
#define ADIT_SUPERVISE_RUN_H

#include "confine/options.h"

#include <stdbool.h>
#include <stdint.h>

struct error;

struct run_options {
	const char *config; /* a path, or a name in ~/.config/adit or /etc/adit */
	uint64_t wait_ns;   /* for the first handshake, and for names */
	bool has_wait;	    /* false: the command starts at once */
	bool is_joining;    /* in the namespaces of the adit that holds the key */
	bool is_quiet;	    /* no line when the tunnel is up */
	const char *user;   /* --user; NULL */
	/* What the command line says of the confinement; the network, the names and
	 * the helper are filled in here.
	 */
	struct confine_options confine;
};

/* 0, with the status to end with in *ret_status.  Negative: adit failed before
 * the command began, and err says why; -EBADMSG with an empty err: what was
 * wrong has been printed.
 */
int run_command(struct run_options *options, int *ret_status, struct error *err);

#endif
