#include "cli/words.h"

#include "base/error.h"
#include "base/log.h"
#include "cli/command.h"
#include "config/config.h"
#include "supervise/place.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int parse(struct words *words, int argc, char **argv, struct error *err)
{
	int at = 0;

	words->name = words->storage;
	while (at < argc) {
		bool wants_help = false;
		int used = 0;
		int r = options_parse(words->options, argc - at, argv + at, words->target, &used,
				      &wants_help, err);

		if (r < 0)
			return r;
		if (wants_help) {
			words->print_help();
			return 1;
		}
		at += used;
		if (at < argc && words->n_names == WORDS_MAX)
			return error_set(err, E2BIG, "more than %d names", WORDS_MAX);
		/* the name stands in for argv[0] of what follows */
		if (at < argc)
			words->storage[words->n_names++] = argv[at];
	}
	return 0;
}

static int take_all(struct words *words)
{
	struct error err = {0};

	words->n_names = words->find_all(&words->name, &err);
	if (words->n_names >= 0)
		return -1;
	log_error(&err);
	return EXIT_FAILED;
}

int words_begin(struct words *words, int argc, char **argv, int least, int most, const char *wrong)
{
	struct error err = {0};
	int r = parse(words, argc, argv, &err);

	if (r > 0)
		return EXIT_DONE;
	if (r == 0 && words->is_all && *words->is_all)
		return take_all(words);
	if (r == 0 && (words->n_names < least || words->n_names > most))
		r = error_set(&err, EINVAL, "%s", wrong);
	if (r == 0)
		return words->n_names == 0 ? take_all(words) : -1;
	log_error(&err);
	return EXIT_USAGE;
}

/* ---- all of them ---- */

static int is_configuration(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	return len > 5 && strcmp(entry->d_name + len - 5, ".conf") == 0;
}

int words_all_configured(const char *const **ret, struct error *err)
{
	struct dirent **entry = NULL;
	char folder[PROFILE_PATH_LEN];
	const char **names;
	int r = config_folder(folder, sizeof(folder), err);
	int n = r < 0 ? 0 : scandir(folder, &entry, is_configuration, alphasort);

	if (r < 0)
		return r;
	if (n < 0)
		return error_errno(err, errno, "cannot read '%s'", folder);
	names = calloc((size_t)n + 1, sizeof(*names));
	for (int i = 0; i < n; i++) {
		if (names)
			names[i] = strndup(entry[i]->d_name, strlen(entry[i]->d_name) - 5);
		free(entry[i]);
	}
	free(entry);
	if (!names)
		return error_set(err, ENOMEM, "out of memory");
	*ret = names;
	return n;
}

int words_all_present(const char *const **ret, struct error *err)
{
	char **names;
	int n = place_names(&names, err);

	if (n >= 0)
		*ret = (const char *const *)names;
	return n;
}

int words_for_each_word(const struct words *words, words_each_word each, void *context)
{
	int status = EXIT_DONE;

	for (int i = 0; i < words->n_names; i++) {
		struct error err = {0};

		if (each(context, words->name[i], &err) >= 0)
			continue;
		if (err.code != 0)
			log_error(&err);
		status = EXIT_FAILED;
	}
	return status;
}

struct each_place {
	words_each each;
	void *context;
};

static int find_place(void *context, const char *word, struct error *err)
{
	const struct each_place *with = context;
	struct place place;
	int r = place_find(word, &place, err);

	return r < 0 ? r : with->each(with->context, &place, err);
}

int words_for_each(const struct words *words, words_each each, void *context)
{
	struct each_place with = {each, context};

	return words_for_each_word(words, find_place, &with);
}
