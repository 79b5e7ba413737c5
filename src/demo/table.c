#include "demo/table.h"

#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const struct row {
	enum seen_kind kind;
	const char *word; /* of attempt.h */
	const char *label;
} rows[] = {
	{SEEN_TCP, "tcp", "TCP connections"},
	{SEEN_DNS, "dns", "DNS to a fixed server"},
	{SEEN_ICMP, "icmp", "ping"},
	{SEEN_IPV6, "ipv6", "IPv6"},
	{SEEN_BOUND, "bound", "bound to another interface"},
	{SEEN_RAW, "raw", "raw packets"},
	{SEEN_MULTICAST, "multicast", "multicast (UPnP discovery)"},
};

enum { N_ROWS = sizeof(rows) / sizeof(rows[0]) };

bool table_take_line(struct table_counts *counts, const char *line)
{
	char word[16];
	unsigned int n_sent;
	unsigned int n_refused;

	if (sscanf(line, "offered %15s %u %u", word, &n_sent, &n_refused) != 3)
		return false;
	for (size_t i = 0; i < N_ROWS; i++) {
		if (strcmp(word, rows[i].word) != 0)
			continue;
		counts->n_tried[rows[i].kind] += n_sent + n_refused;
		counts->n_refused[rows[i].kind] += n_refused;
		return true;
	}
	return false;
}

uint64_t table_leaks(const struct table_counts *counts)
{
	uint64_t n = counts->n_seen[SEEN_OTHER];

	for (size_t i = 0; i < N_ROWS; i++)
		n += counts->n_seen[rows[i].kind];
	return n;
}

bool table_is_valid(const struct table_counts *counts)
{
	for (size_t i = 0; i < N_ROWS; i++)
		if (counts->n_tried[rows[i].kind] == 0)
			return false;
	return counts->n_seen[SEEN_CANARY] > 0 && counts->n_seen[SEEN_WIREGUARD] > 0 &&
	       counts->n_lost == 0;
}

static void print_row(const struct table_counts *counts, enum seen_kind kind, const char *label,
		      bool has_color, struct text *text)
{
	uint64_t n_seen = counts->n_seen[kind];
	const char *before = "";

	if (has_color)
		before = n_seen > 0 ? "\x1b[31;1m" : "\x1b[32m";
	text_add(text, "     %-30s %7" PRIu64 " %10" PRIu64 " %s%15" PRIu64 "%s\n", label,
		 counts->n_tried[kind], counts->n_refused[kind], before, n_seen,
		 has_color ? "\x1b[0m" : "");
}

void table_print(const struct table_counts *counts, bool has_color, struct text *text)
{
	text_add(text, "     %-30s %7s %10s %15s\n", "tried by the program", "tried", "refused",
		 "seen in clear");
	for (size_t i = 0; i < N_ROWS; i++)
		print_row(counts, rows[i].kind, rows[i].label, has_color, text);
	if (counts->n_seen[SEEN_OTHER] > 0)
		print_row(counts, SEEN_OTHER, "anything else", has_color, text);
	text_add(text,
		 "\n     %" PRIu64 " WireGuard packets, %" PRIu64 " of the link itself (ARP, "
		 "ND), %" PRIu64 " canary leaked on\n     purpose and caught, %" PRIu64
		 " missed by the capture.\n",
		 counts->n_seen[SEEN_WIREGUARD], counts->n_seen[SEEN_LINK],
		 counts->n_seen[SEEN_CANARY], counts->n_lost);
}
