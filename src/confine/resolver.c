#include "confine/resolver.h"

#include "base/address.h"
#include "base/text.h"
#include "confine/options.h"

#include <string.h>

void resolver_write_resolv_conf(const struct confine_options *options, struct text *ret)
{
	char name[ADDRESS_TEXT_LEN];

	text_add(ret, "# by adit, for this namespace alone\n");
	if (options->n_dns == 0)
		text_add(ret, "# the configuration names no DNS server\n");
	for (size_t i = 0; i < options->n_dns; i++)
		text_add(ret, "nameserver %s\n", address_print(&options->dns[i], name));
	if (options->n_search > 0) {
		text_add(ret, "search");
		for (size_t i = 0; i < options->n_search; i++)
			text_add(ret, " %s", options->search[i]);
		text_add(ret, "\n");
	}
}

static bool is_hosts_line(const char *line, size_t len)
{
	size_t at = 0;

	while (at < len && (line[at] == ' ' || line[at] == '\t'))
		at++;
	if (len - at < 6 || strncmp(line + at, "hosts", 5) != 0)
		return false;
	at += 5;
	while (at < len && (line[at] == ' ' || line[at] == '\t'))
		at++;
	return at < len && line[at] == ':';
}

static bool has_word(const char *line, size_t len, const char *word)
{
	size_t word_len = strlen(word);
	const char *comment = memchr(line, '#', len);
	size_t end = comment ? (size_t)(comment - line) : len;

	for (size_t at = 0; at + word_len <= end; at++)
		if (strncmp(line + at, word, word_len) == 0)
			return true;
	return false;
}

void resolver_write_nsswitch(const char *host_text, struct text *ret)
{
	bool asks_myhostname = false;
	const char *line = host_text ? host_text : "";

	while (*line) {
		size_t len = strcspn(line, "\n");

		if (is_hosts_line(line, len))
			asks_myhostname |= has_word(line, len, "myhostname");
		else
			text_add(ret, "%.*s\n", (int)len, line);
		line += len + (line[len] == '\n');
	}
	text_add(ret, "hosts: files%s dns\n", asks_myhostname ? " myhostname" : "");
}
