#include "report/status.h"

#include <string.h>

enum { LABEL_WIDTH = 18 };

static const char *text(const json_t *object, const char *key)
{
	const char *value = json_string_value(json_object_get(object, key));

	return value ? value : "";
}

static json_int_t number(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

static void line(FILE *out, const char *label, const char *value)
{
	if (value[0])
		(void)fprintf(out, "%*s  %s\n", LABEL_WIDTH, label, value);
}

static void list_line(FILE *out, const char *label, const json_t *list)
{
	if (json_array_size(list) == 0)
		return;
	(void)fprintf(out, "%*s  ", LABEL_WIDTH, label);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *item = json_string_value(json_array_get(list, i));

		(void)fprintf(out, "%s%s", i > 0 ? ", " : "", item ? item : "?");
	}
	(void)fprintf(out, "\n");
}

/* "3.2 MiB", as wg(8) writes it. */
static void bytes_text(json_int_t bytes, char *ret, size_t size)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
	double value = (double)bytes;
	size_t unit = 0;

	while (value >= 1024 && unit + 1 < sizeof(units) / sizeof(units[0])) {
		value /= 1024;
		unit++;
	}
	(void)snprintf(ret, size, unit == 0 ? "%.0f %s" : "%.2f %s", value, units[unit]);
}

static void ago_text(json_int_t then_s, int64_t now_s, char *ret, size_t size)
{
	if (then_s == 0)
		(void)snprintf(ret, size, "never");
	else
		(void)snprintf(ret, size, "%lld s ago",
			       (long long)(now_s > then_s ? now_s - then_s : 0));
}

static void print_peer(const json_t *peer, int64_t now_s, FILE *out)
{
	char when[32];
	char rx[32];
	char tx[32];
	char moved[80];

	ago_text(number(peer, "latest_handshake"), now_s, when, sizeof(when));
	bytes_text(number(peer, "rx_bytes"), rx, sizeof(rx));
	bytes_text(number(peer, "tx_bytes"), tx, sizeof(tx));
	(void)snprintf(moved, sizeof(moved), "%s received, %s sent", rx, tx);
	(void)fprintf(out, "\n");
	line(out, "peer", text(peer, "public_key"));
	line(out, "endpoint", text(peer, "endpoint"));
	line(out, "endpoint's name", text(peer, "endpoint_name"));
	line(out, "latest handshake", when);
	line(out, "transfer", moved);
}

/* Only what has happened. */
static void print_drops(const json_t *drops, FILE *out)
{
	for (size_t i = 0; i < json_array_size(drops); i++) {
		const json_t *drop = json_array_get(drops, i);
		char said[128];

		if (number(drop, "packets") == 0)
			continue;
		(void)snprintf(said, sizeof(said), "%lld %s", (long long)number(drop, "packets"),
			       text(drop, "meaning"));
		line(out, "dropped", said);
	}
}

static void print_forward(const json_t *forward, FILE *out)
{
	char said[160];

	(void)snprintf(said, sizeof(said), "%s/%s:%s->%s: %lld open, %lld in all%s%s",
		       text(forward, "at"), text(forward, "protocol"), text(forward, "outside"),
		       text(forward, "inside"), (long long)number(forward, "open"),
		       (long long)number(forward, "total"),
		       number(forward, "refused") > 0 ? ", some refused" : "",
		       number(forward, "listeners") == 0 ? ", no such address yet" : "");
	line(out, "forward", said);
}

/* Of a namespace that others have made. */
static void print_path(const json_t *status, FILE *out)
{
	static const struct {
		const char *leads;
		const char *meaning;
	} ways[] = {
		{"elsewhere", " (leads to another namespace now, which has no tunnel)"},
		{"nowhere", " (gone)"},
	};
	const char *meaning = "";
	char said[1200];

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		if (strcmp(text(status, "path_leads"), ways[i].leads) == 0)
			meaning = ways[i].meaning;
	(void)snprintf(said, sizeof(said), "%s%s", text(status, "path"), meaning);
	line(out, "path", said);
}

void status_print(const json_t *status, int64_t now_s, FILE *out)
{
	const json_t *peers = json_object_get(status, "peers");
	const json_t *forwards = json_object_get(status, "forwards");
	char number_text[24];

	(void)fprintf(out, "%s: %s\n", text(status, "name"), text(status, "line"));
	line(out, "namespace", text(status, "namespace"));
	print_path(status, out);
	line(out, "device", text(status, "device"));
	line(out, "backend", text(status, "backend"));
	list_line(out, "addresses", json_object_get(status, "addresses"));
	list_line(out, "DNS", json_object_get(status, "dns"));
	(void)snprintf(number_text, sizeof(number_text), "%lld", (long long)number(status, "mtu"));
	line(out, "MTU", number_text);
	(void)snprintf(number_text, sizeof(number_text), "%lld",
		       (long long)number(status, "listen_port"));
	line(out, "listening port", number_text);
	line(out, "public key", text(status, "public_key"));
	print_drops(json_object_get(status, "drops"), out);
	for (size_t i = 0; i < json_array_size(forwards); i++)
		print_forward(json_array_get(forwards, i), out);
	for (size_t i = 0; i < json_array_size(peers); i++)
		print_peer(json_array_get(peers, i), now_s, out);
}

void status_print_row(const json_t *status, FILE *out)
{
	if (!status)
		(void)fprintf(out, "%-20s %-10s %s\n", "NAME", "STATE", "TUNNEL");
	else
		(void)fprintf(out, "%-20s %-10s %s\n", text(status, "name"), text(status, "state"),
			      text(status, "line"));
}
