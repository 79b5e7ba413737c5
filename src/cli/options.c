#include "cli/options.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct option_spec *find(const struct option_spec *spec, const char *name, size_t len)
{
	for (; spec->name; spec++)
		if (strlen(spec->name) == len && memcmp(spec->name, name, len) == 0)
			return spec;
	return NULL;
}

static int unknown(const struct option_spec *spec, const char *word, size_t len, struct error *err)
{
	int r = error_set(err, EINVAL, "unknown option '%s'", word);

	for (; spec->name; spec++)
		if (text_distance(word + 2, len, spec->name) <= 2)
			error_hint(err, "did you mean --%s?", spec->name);
	return r;
}

/* "10", "0.5": seconds, to nanoseconds. */
static bool parse_seconds(const char *text, uint64_t *ret)
{
	const char *dot = strchr(text, '.');
	size_t whole_len = dot ? (size_t)(dot - text) : strlen(text);
	uint64_t whole;
	uint64_t fraction = 0;

	if (!text_to_u64(text, whole_len, 86400, &whole))
		return false;
	if (dot) {
		size_t digits = strlen(dot + 1);

		if (digits > 9 || !text_to_u64(dot + 1, digits, UINT32_MAX, &fraction))
			return false;
		for (; digits < 9; digits++)
			fraction *= 10;
	}
	*ret = whole * NS_PER_S + fraction;
	return true;
}

static int store(const struct option_spec *spec, const char *value, void *target, struct error *err)
{
	char *field = (char *)target + spec->offset;
	struct option_list *list;

	switch (spec->kind) {
	case OPTION_FLAG:
	case OPTION_FLAG_OFF:
		*(bool *)(void *)field = spec->kind == OPTION_FLAG;
		return 0;
	case OPTION_TEXT:
		*(const char **)(void *)field = value;
		return 0;
	case OPTION_SECONDS:
		if (!parse_seconds(value, (uint64_t *)(void *)field))
			return error_set(err, EINVAL,
					 "--%s '%s': expected seconds, such as 10 or 0.5",
					 spec->name, value);
		return 0;
	case OPTION_LIST:
		list = (struct option_list *)(void *)field;
		if (list->n_items == OPTION_LIST_MAX)
			return error_set(err, EINVAL, "--%s: at most %d times", spec->name,
					 OPTION_LIST_MAX);
		list->item[list->n_items++] = value;
		return 0;
	}
	return 0;
}

/* One word that begins with "--"; *at moves past it and its value. */
static int parse_one(const struct option_spec *spec, char **argv, int argc, int *at, void *target,
		     struct error *err)
{
	const char *word = argv[*at];
	const char *equals = strchr(word, '=');
	size_t len = (equals ? (size_t)(equals - word) : strlen(word)) - 2;
	const struct option_spec *option = find(spec, word + 2, len);
	bool is_flag;
	const char *value = equals ? equals + 1 : NULL;

	if (!option)
		return unknown(spec, word, len, err);
	is_flag = option->kind == OPTION_FLAG || option->kind == OPTION_FLAG_OFF;
	if (is_flag && value)
		return error_set(err, EINVAL, "--%s takes no value", option->name);
	if (!is_flag && !value) {
		if (*at + 1 >= argc)
			return error_set(err, EINVAL, "--%s needs a value: --%s %s", option->name,
					 option->name, option->argument);
		value = argv[++*at];
	}
	(*at)++;
	return store(option, value, target, err);
}

int options_parse(const struct option_spec *spec, int argc, char **argv, void *target,
		  int *ret_used, bool *ret_help, struct error *err)
{
	int at = 1;

	*ret_help = false;
	while (at < argc && argv[at][0] == '-' && argv[at][1] != '\0') {
		int r;

		if (strcmp(argv[at], "--") == 0)
			break;
		if (strcmp(argv[at], "--help") == 0 || strcmp(argv[at], "-h") == 0) {
			*ret_help = true;
			break;
		}
		if (argv[at][1] != '-')
			return error_set(err, EINVAL, "unknown option '%s'", argv[at]);
		r = parse_one(spec, argv, argc, &at, target, err);
		if (r < 0)
			return r;
	}
	*ret_used = at;
	return 0;
}

void options_print(const struct option_spec *spec)
{
	for (; spec->name; spec++) {
		char left[64];

		(void)snprintf(left, sizeof(left), "--%s%s%s", spec->name,
			       spec->argument ? " " : "", spec->argument ? spec->argument : "");
		(void)printf("  %-22s %s\n", left, spec->help);
	}
}
