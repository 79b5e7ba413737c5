/* Runs a relay into a network namespace from the command line.
 *
 *     relay NETNS [OPTION...] -- FORWARD...
 *
 * Without another word about it, the lines on standard input are obeyed, and its
 * end ends the relay; what it prints on standard output is one line each:
 *
 *     stats                 -> one line of JSON, an array in the forwards' order
 *     forwards FORWARD...   -> "done", or "error: ..."
 *
 * "ready CAPACITY" is the first line.  "event: ..." may come at any time.
 */
#include "relay/relay.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "config/flow.h"
#include "net/netns.h"
#include "net/watch.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_LEN = 8192 };

struct runner {
	struct relay_config config;
	struct relay_forward forward[RELAY_FORWARDS_MAX];
	struct relay *relay;
	int watch;
	struct error err;
};

static bool read_forward(struct runner *runner, const char *text)
{
	static const struct value_services none = {0};
	struct profile_forward read;
	struct relay_forward *forward = &runner->forward[runner->config.n_forwards];
	struct fault fault = {0};

	if (runner->config.n_forwards == RELAY_FORWARDS_MAX ||
	    !flow_forward(text, strlen(text), &none, &fault, &read)) {
		(void)error_set(&runner->err, EINVAL, "'%s' is no forward", text);
		return false;
	}
	*forward = (struct relay_forward){
		.protocol = read.protocol == PROTOCOL_TCP ? RELAY_TCP : RELAY_UDP,
		.has_address = read.has_address,
		.address = read.address,
		.outside = {read.outside.first, read.outside.last},
		.inside = {read.inside.first, read.inside.last},
	};
	memcpy(forward->interface, read.interface, sizeof(forward->interface));
	runner->config.n_forwards++;
	return true;
}

static bool set_address(struct runner *runner, const char *text)
{
	runner->config.has_inside_address =
		address_parse(text, strlen(text), &runner->config.inside_address);
	return runner->config.has_inside_address;
}

static bool set_ids(struct runner *runner, const char *text)
{
	runner->config.has_ids = true;
	runner->config.uid = runner->config.gid = (uid_t)strtoul(text, NULL, 10);
	return runner->config.uid != 0;
}

static bool set_userns(struct runner *runner, const char *path)
{
	FILE *file = fopen(path, "r");

	runner->config.userns_fd = file ? fileno(file) : -1;
	return file != NULL;
}

static bool read_options(struct runner *runner, int argc, char **argv)
{
	static const struct option options[] = {
		{"ids", required_argument, NULL, 'i'},
		{"inside", required_argument, NULL, 'a'},
		{"proxy", no_argument, NULL, 'p'},
		{"userns", required_argument, NULL, 'u'},
		{0},
	};
	bool is_right = argc > 1 && netns_open(argv[1], &runner->config.netns_fd, NULL) == 0;
	int option;

	optind = 2;
	while (is_right && (option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'p')
			runner->config.has_proxy_protocol = true;
		else if (option == 'i')
			is_right = set_ids(runner, optarg);
		else if (option == 'a')
			is_right = set_address(runner, optarg);
		else
			is_right = option == 'u' && set_userns(runner, optarg);
	}
	for (; is_right && optind < argc; optind++)
		is_right = read_forward(runner, argv[optind]);
	return is_right;
}

static void print_stats(const struct runner *runner)
{
	const char *separator = "[";

	for (size_t i = 0; i < runner->config.n_forwards; i++) {
		struct relay_forward_stats stats;

		relay_stats(runner->relay, i, &stats);
		(void)printf("%s{\"listeners\": %" PRIu64 ", \"open\": %" PRIu64
			     ", \"total\": %" PRIu64 ", \"refused\": %" PRIu64
			     ", \"bytes_in\": %" PRIu64 ", \"bytes_out\": %" PRIu64 "}",
			     separator, stats.listeners, stats.open, stats.total, stats.refused,
			     stats.bytes_in, stats.bytes_out);
		separator = ", ";
	}
	(void)printf("]\n");
}

static void reconfigure(struct runner *runner, char *words)
{
	bool is_right = true;
	char *rest;

	runner->config.n_forwards = 0;
	for (char *word = strtok_r(words, " ", &rest); word && is_right;
	     word = strtok_r(NULL, " ", &rest))
		is_right = read_forward(runner, word);
	if (is_right)
		is_right = relay_reconfigure(runner->relay, &runner->config, &runner->err) == 0;
	(void)printf("%s%s\n", is_right ? "done" : "error: ", is_right ? "" : runner->err.what);
}

static void obey(struct runner *runner, char *line)
{
	line[strcspn(line, "\n")] = '\0';
	if (strcmp(line, "stats") == 0)
		print_stats(runner);
	else if (strncmp(line, "forwards ", 9) == 0)
		reconfigure(runner, line + 9);
	else
		(void)printf("error: '%s' is no command\n", line);
}

static void report(const struct runner *runner, int r)
{
	if (r < 0)
		(void)printf("event: %s\n", runner->err.what);
}

static void serve(struct runner *runner)
{
	struct pollfd fds[] = {
		{.fd = STDIN_FILENO, .events = POLLIN},
		{.fd = relay_fd(runner->relay), .events = POLLIN},
		{.fd = runner->watch, .events = POLLIN},
	};
	char line[LINE_LEN];

	while (poll(fds, 3, -1) > 0) {
		if (fds[1].revents)
			report(runner, relay_dispatch(runner->relay, &runner->err));
		if (fds[2].revents && watch_read(runner->watch))
			report(runner, relay_addresses_changed(runner->relay, &runner->err));
		if (fds[0].revents && !fgets(line, sizeof(line), stdin))
			return;
		if (fds[0].revents)
			obey(runner, line);
	}
}

int main(int argc, char **argv)
{
	struct runner runner = {.config = {.netns_fd = -1, .userns_fd = -1}};
	int r = read_options(&runner, argc, argv) ? 0 : -EINVAL;

	(void)setvbuf(stdin, NULL, _IONBF, 0);
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	runner.config.forward = runner.forward;
	if (r < 0)
		(void)error_set(&runner.err, EINVAL,
				"usage: relay NETNS [--ids N] [--inside ADDRESS] [--proxy] "
				"[--userns PATH] -- FORWARD...");
	if (r == 0)
		r = watch_open(&runner.watch, &runner.err);
	if (r == 0)
		r = relay_open(&runner.config, &runner.relay, &runner.err);
	if (r < 0) {
		(void)printf("error: %s\n", runner.err.what);
		return 1;
	}
	(void)printf("ready %zu\n", relay_capacity(runner.relay));
	serve(&runner);
	relay_close(runner.relay);
	return 0;
}
