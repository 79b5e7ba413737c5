/* The state of a supervisor, for the files that are parts of it: supervisor.c
 * (from start to end) and reload.c (another configuration).
 */
#ifndef ADIT_SUPERVISE_LIFE_H
#define ADIT_SUPERVISE_LIFE_H

#include "net/drift.h"
#include "supervise/clients.h"
#include "supervise/inside.h"
#include "supervise/keeper.h"
#include "supervise/lan.h"
#include "supervise/notify.h"
#include "supervise/place.h"
#include "supervise/prepare.h"
#include "supervise/registry.h"
#include "supervise/repair.h"

#include <stdbool.h>

struct loop;
struct tunnel_backend;

struct life {
	struct place place;
	int lock;   /* -1: none */
	int listen; /* -1: none */
	struct inside inside;
	int holder; /* pidfd of what holds a user's namespace; -1: none */
	struct prepared prepared;
	const struct tunnel_backend *backend;
	bool is_files_fault; /* it cannot begin, by what the file says or that there is none */
	bool has_made_seal;  /* this life did, and undoes it when it cannot begin */
	struct registry registry;
	struct loop *loop;
	struct keeper keeper;
	struct clients clients;
	struct repair repair;
	struct lan lan;
	struct notify notify;
	int signals;		 /* signalfd */
	int tun;		 /* -1: none */
	struct drift host_rules; /* what others do to the namespace's table on the host */
	char host_table[RULESET_NAME_LEN];
	struct instant follow; /* the host's network has changed, and its side is planned anew */
	struct instant tick;   /* systemd is told again, and its watchdog fed */
	bool is_ended;
	struct error *err;
};

/* Reads the file anew and makes it true.  On failure all is as it was. */
int life_reload(struct life *life, struct error *err);

/* Which one it is, for a plan. */
enum profile_backend life_backend(const struct tunnel_backend *backend);

/* The network inside, as life->prepared says. */
int life_converge(struct life *life, struct error *err);

#endif
