#include "audit/check_names.h"

#include "audit/finding.h"
#include "audit/process.h"
#include "base/text.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define WORD_ENDS " \t\r\n"

enum { WORD_LEN = 64 };

static const char *const services[PROCESS_SERVICES] = {
	[SERVICE_NSCD] = "nscd",
	[SERVICE_RESOLVED] = "systemd-resolved",
	[SERVICE_AVAHI] = "avahi",
	[SERVICE_BUS] = "the system's D-Bus (systemd-resolved, avahi)",
};

/* Those of nsswitch.conf's that ask nobody, or the servers of resolv.conf. */
static const char *const sources[] = {"files", "dns", "myhostname"};

/* Copies the next word of a line and moves past it; false: there is none. */
static bool next_word(const char **at, char ret[WORD_LEN])
{
	size_t len;

	*at += strspn(*at, " \t\r");
	len = strcspn(*at, WORD_ENDS);
	(void)snprintf(ret, WORD_LEN, "%.*s", (int)(len < WORD_LEN ? len : WORD_LEN - 1), *at);
	*at += len;
	return len > 0 && ret[0] != '#' && ret[0] != ';';
}

static const char *next_line(const char *line)
{
	size_t len = strcspn(line, "\n");

	return line + len + (line[len] == '\n');
}

/* The server of a line of resolv.conf; false: it names none. */
static bool read_server(const char *line, char ret[WORD_LEN])
{
	return next_word(&line, ret) && strcmp(ret, "nameserver") == 0 && next_word(&line, ret);
}

static bool names_server(const char *resolv_conf, const char *server)
{
	char other[WORD_LEN];

	for (const char *line = resolv_conf; *line; line = next_line(line))
		if (read_server(line, other) && strcmp(other, server) == 0)
			return true;
	return false;
}

/* The first server in `seen` that is not in `desired`. */
static bool find_stranger(const char *seen, const char *desired, char ret[WORD_LEN])
{
	for (const char *line = seen; *line; line = next_line(line))
		if (read_server(line, ret) && !names_server(desired, ret))
			return true;
	return false;
}

static bool is_harmless(const char *source)
{
	if (source[0] == '[') /* [NOTFOUND=return] */
		return true;
	for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++)
		if (strcmp(source, sources[i]) == 0)
			return true;
	return false;
}

/* The first source of the line "hosts" that asks somebody outside. */
static bool find_source(const char *nsswitch, char ret[WORD_LEN])
{
	for (const char *line = nsswitch; *line; line = next_line(line)) {
		const char *at = line + strspn(line, " \t");

		if (!text_starts_with(at, "hosts"))
			continue;
		at += strlen("hosts");
		at += strspn(at, " \t");
		if (*at++ != ':')
			continue;
		while (next_word(&at, ret))
			if (!is_harmless(ret))
				return true;
	}
	return false;
}

static void judge_place(const struct check_names_files *files, struct finding_list *findings)
{
	const struct finding broken = {
		.promises = 1U << PROMISE_NAMES,
		.verdict = VERDICT_BROKEN,
	};
	char word[WORD_LEN];

	if (!files->resolv_conf || strcmp(files->resolv_conf, files->desired) != 0)
		finding_add(findings, &broken, "its resolv.conf is not what its file says");
	if (!files->nsswitch)
		finding_add(findings, &broken, "its nsswitch.conf is gone");
	else if (find_source(files->nsswitch, word))
		finding_add(findings, &broken, "its nsswitch.conf asks '%s'", word);
}

static void judge_process(const struct check_names_files *files, const struct process *process,
			  struct finding_list *findings)
{
	struct finding about = {
		.promises = 1U << PROMISE_NAMES,
		.verdict = VERDICT_BROKEN,
		.pid = process->pid,
	};
	char word[WORD_LEN];

	(void)snprintf(about.name, sizeof(about.name), "%s", process->name);
	if (!process->has_view) {
		about.verdict = VERDICT_UNKNOWN;
		finding_add(findings, &about, "its files cannot be looked at");
		return;
	}
	if (find_stranger(process->resolv_conf, files->desired, word))
		finding_add(findings, &about, "its resolv.conf names %s, which its file does not",
			    word);
	if (find_source(process->nsswitch, word))
		finding_add(findings, &about, "its nsswitch.conf asks '%s'", word);
	for (unsigned int i = 0; i < PROCESS_SERVICES; i++)
		if (process->services & 1U << i)
			finding_add(findings, &about, "can have names looked up by %s",
				    services[i]);
}

void check_names(const struct check_names_files *files, const struct process *process,
		 size_t n_processes, struct finding_list *findings)
{
	judge_place(files, findings);
	for (size_t i = 0; i < n_processes; i++)
		if (!process[i].is_adits)
			judge_process(files, &process[i], findings);
}
