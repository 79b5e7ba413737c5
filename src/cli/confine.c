#include "cli/command.h"
#include "cli/words.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "config/config.h"
#include "integrations/systemd.h"
#include "integrations/unit.h"
#include "supervise/hidden.h"
#include "supervise/place.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TEXT_LEN = 16384 };

struct confine_line {
	bool is_undo;
	bool is_dry_run;
};

static const struct option_spec table[] = {
	{"undo", OPTION_FLAG, offsetof(struct confine_line, is_undo), NULL,
	 "take the drop-in away: from its next start on, the unit has the host's network"},
	{"dry-run", OPTION_FLAG, offsetof(struct confine_line, is_dry_run), NULL,
	 "show what would be written, and write nothing"},
	{NULL, OPTION_FLAG, 0, NULL, NULL},
};

/* One file: of the service, or of a socket of its. */
struct piece {
	struct unit unit;
	bool is_new; /* it had no drop-in of ours */
	char text[TEXT_LEN];
};

static void print_help(void)
{
	(void)printf(
		"usage: adit confine [OPTIONS] UNIT NAME\n\n"
		"Puts a service, with its sockets, or a container of systemd-nspawn@ into the\n"
		"namespace NAME, by a drop-in that is shown. It counts from the next start "
		"on.\n\n");
	options_print(table);
	(void)printf("\nStatus: 0 done, 1 failed, 2 wrong usage.\n");
}

/* ---- the texts ---- */

/* Which files hold keys now: of what is up, or as the configuration has it. */
static void find_hidden(const struct place *place, struct hidden *ret)
{
	AUTO(profile) struct profile *profile = NULL;
	char path[PROFILE_PATH_LEN];

	if (hidden_load(ret, place, NULL) == 0)
		return;
	if (config_load_named(place->name, path, &profile, NULL) == 0 && profile)
		(void)hidden_add_profile(ret, profile);
	hidden_resolve(ret);
}

static int print_piece(const struct place *place, enum dropin_form form, struct piece *piece,
		       struct error *err)
{
	struct hidden hidden = {0};
	struct dropin dropin = {
		.kind = piece->unit.kind,
		.unit = piece->unit.name,
		.name = place->name,
		.netns = place->netns,
		.resolv_conf = place->resolv_conf,
		.nsswitch = place->nsswitch,
		.families = piece->unit.families,
	};
	struct text text;

	find_hidden(place, &hidden);
	dropin.hidden = hidden.path;
	dropin.n_hidden = hidden.n_paths;
	text_init(&text, piece->text, sizeof(piece->text));
	dropin_print(&dropin, form, &text);
	hidden_done(&hidden);
	return text.is_truncated ? error_set(err, ENOSPC, "the drop-in is too long") : 0;
}

/* The service itself comes last: its sockets are confined before it is. */
static size_t list_pieces(const struct unit *unit, struct piece ret[UNIT_SOCKETS_MAX + 1])
{
	size_t n = 0;

	for (size_t i = 0; i < unit->n_sockets; i++, n++) {
		struct unit *socket = &ret[n].unit;

		*socket = (struct unit){.kind = DROPIN_SOCKET};
		memcpy(socket->name, unit->socket[i], sizeof(socket->name));
		(void)snprintf(socket->path, sizeof(socket->path),
			       "/etc/systemd/system/%s.d/adit.conf", socket->name);
	}
	ret[n++].unit = *unit;
	return n;
}

static int show(const struct place *place, enum dropin_form form, struct piece *piece, size_t n,
		struct error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++) {
		r = print_piece(place, form, &piece[i], err);
		if (r == 0 && form == DROPIN_UNIT)
			(void)printf("# %s\n", piece[i].unit.path);
		if (r == 0)
			(void)printf("%s\n", piece[i].text);
	}
	(void)fflush(stdout);
	return r;
}

/* ---- doing it ---- */

static int reload_systemd(struct error *err)
{
	static const char *const words[] = {"daemon-reload", NULL};

	return systemd_call(words, err);
}

static void say_how_to_go_on(const struct piece *piece, size_t n)
{
	char buffer[UNIT_NAME_LEN * 2];
	struct text text;

	text_init(&text, buffer, sizeof(buffer));
	for (size_t i = 0; i < n; i++)
		text_add(&text, " %s", piece[i].unit.name);
	log_info("it counts from the next start on: systemctl restart%s", buffer);
}

/* On failure those that were confined before still are. */
static int write_all(struct piece *piece, size_t n, struct error *err)
{
	int r = 0;
	size_t done = 0;

	while (r == 0 && done < n) {
		piece[done].is_new = access(piece[done].unit.path, F_OK) < 0;
		r = unit_write(&piece[done].unit, piece[done].text, err);
		done += r == 0;
	}
	while (r < 0 && done-- > 0) {
		bool was_there;

		if (piece[done].is_new)
			(void)unit_remove(&piece[done].unit, &was_there, NULL);
	}
	return r;
}

static int confine(const struct place *place, struct unit *unit, bool is_dry_run,
		   struct piece *piece, struct error *err)
{
	int r = unit_look(unit, err);
	size_t n;

	if (r < 0)
		return r;
	n = list_pieces(unit, piece);
	r = show(place, DROPIN_UNIT, piece, n, err);
	if (r < 0 || is_dry_run)
		return r;
	r = write_all(piece, n, err);
	if (r == -EROFS) {
		log_info("/etc/systemd/system cannot be written here; in configuration.nix:");
		return show(place, DROPIN_NIX, piece, n, err);
	}
	if (r == 0)
		r = reload_systemd(err);
	if (r == 0)
		say_how_to_go_on(piece, n);
	return r;
}

static int release(struct unit *unit, struct piece *piece, struct error *err)
{
	bool is_any = false;
	size_t n;
	int r;

	(void)unit_look(unit, NULL); /* one that has gone meanwhile may have left it */
	n = list_pieces(unit, piece);
	for (size_t i = 0; i < n; i++) {
		bool was_there = false;

		r = unit_remove(&piece[i].unit, &was_there, err);
		if (r < 0)
			return r;
		is_any = is_any || was_there;
	}
	if (!is_any)
		return error_set(err, ENOENT, "'%s' is not confined by adit", unit->name);
	r = reload_systemd(err);
	if (r == 0)
		say_how_to_go_on(piece, n);
	return r;
}

static int act(const struct confine_line *line, const struct words *words, struct error *err)
{
	struct place place;
	struct unit unit;
	struct piece *piece;
	int r = unit_name(words->name[0], &unit, err);

	if (r == 0 && words->n_names == 2)
		r = place_find(words->name[1], &place, err);
	if (r < 0)
		return r;
	if (geteuid() != 0)
		return error_set(err, EPERM,
				 "that is for root: a user's manager cannot put its "
				 "services into a namespace");
	piece = calloc(UNIT_SOCKETS_MAX + 1, sizeof(*piece));
	if (!piece)
		return error_set(err, ENOMEM, "out of memory");
	r = line->is_undo ? release(&unit, piece, err)
			  : confine(&place, &unit, line->is_dry_run, piece, err);
	free(piece);
	return r;
}

int command_confine(int argc, char **argv)
{
	static const char wrong[] = "usage: adit confine [--undo] UNIT NAME";
	struct confine_line line = {0};
	struct words words = {.options = table, .target = &line, .print_help = print_help};
	struct error err = {0};
	int r;

	log_set_prefix("adit confine: ");
	r = words_begin(&words, argc, argv, 1, 2, wrong);
	if (r >= 0)
		return r;
	if (words.n_names == 1 && !line.is_undo) {
		(void)error_set(&err, EINVAL, "%s", wrong);
		log_error(&err);
		return EXIT_USAGE;
	}
	r = act(&line, &words, &err);
	if (r < 0)
		log_error(&err);
	return r < 0 ? EXIT_FAILED : EXIT_DONE;
}
