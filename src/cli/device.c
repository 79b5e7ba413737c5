#include "cli/command.h"
#include "cli/options.h"

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "device/device.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct device_line {
	struct device_options device;
	bool wants_version;
};

/* The first row is for whoever takes this for wireguard-go; 'adit --version' is ours. */
static const struct option_spec device_table[] = {
	{"version", OPTION_FLAG, offsetof(struct device_line, wants_version), NULL, ""},
	{"foreground", OPTION_FLAG, offsetof(struct device_line, device.is_foreground), NULL,
	 "stay; also -f, or WG_PROCESS_FOREGROUND=1"},
	{NULL, OPTION_FLAG, 0, NULL, NULL},
};

static void print_help(void)
{
	(void)printf(
		"usage: adit device [--foreground] IFNAME\n\n"
		"A WireGuard interface without the kernel's WireGuard: a drop-in for\n"
		"wireguard-go. 'wg' configures it, by /var/run/wireguard/IFNAME.sock. It ends\n"
		"when the interface or the socket is removed.\n\n");
	options_print(device_table + 1);
	(void)printf(
		"\nWG_QUICK_USERSPACE_IMPLEMENTATION=adit-device wg-quick up FILE uses it: the\n"
		"program called by the name adit-device or wireguard-go is 'adit device'.\n\n"
		"WG_TUN_FD, WG_UAPI_FD: descriptors of a TUN device and of a listening socket\n"
		"WG_TUN_NAME_FILE: a file that gets the interface's name\n"
		"LOG_LEVEL: silent, error, info or verbose\n\n"
		"Status: 0 it ended, or runs in the background; 1 it failed.\n");
}

/* wireguard-go's words; unlike there, warnings are errors' neighbours. */
static const struct {
	const char *word;
	enum log_level level;
	bool has_output; /* also in the background */
} levels[] = {
	{"", LOG_LEVEL_WARN, false},	  {"silent", LOG_LEVEL_ERROR, false},
	{"error", LOG_LEVEL_WARN, true},  {"info", LOG_LEVEL_INFO, true},
	{"debug", LOG_LEVEL_DEBUG, true}, {"verbose", LOG_LEVEL_DEBUG, true},
};

static const char *from_environment(const char *name)
{
	const char *value = getenv(name);

	return value ? value : "";
}

static void take_log_level(struct device_options *options)
{
	const char *word = from_environment("LOG_LEVEL");

	log_set_level(LOG_LEVEL_WARN);
	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
		if (strcmp(levels[i].word, word) != 0)
			continue;
		log_set_level(levels[i].level);
		options->has_output = levels[i].has_output;
	}
}

/* -1: the variable is not set. */
static int take_descriptor(const char *name, int *ret, struct error *err)
{
	const char *text = from_environment(name);
	uint64_t fd;

	*ret = -1;
	if (text[0] == '\0')
		return 0;
	if (!text_to_u64(text, strlen(text), INT_MAX, &fd))
		return error_set(err, EINVAL, "%s: '%s' is not the number of a descriptor", name,
				 text);
	*ret = (int)fd;
	return 0;
}

static int take_environment(struct device_options *options, struct error *err)
{
	const char *file = from_environment("WG_TUN_NAME_FILE");
	int r = take_descriptor("WG_TUN_FD", &options->tun, err);

	take_log_level(options);
	if (r == 0)
		r = take_descriptor("WG_UAPI_FD", &options->uapi, err);
	if (strcmp(from_environment("WG_PROCESS_FOREGROUND"), "1") == 0)
		options->is_foreground = true;
	options->name_file = file[0] != '\0' ? file : NULL;
	return r;
}

/* The one short option: wireguard-go has no other, and no other command has any. */
static void lengthen(int argc, char **argv)
{
	static char foreground[] = "--foreground";

	for (int i = 1; i < argc && argv[i][0] == '-'; i++)
		if (strcmp(argv[i], "-f") == 0)
			argv[i] = foreground;
}

static int fail(const struct error *err, int status)
{
	if (strcmp(from_environment("LOG_LEVEL"), "silent") != 0)
		log_error(err);
	return status;
}

int command_device(int argc, char **argv)
{
	struct device_line line = {0};
	struct error err = {0};
	bool wants_help;
	int status;
	int used;

	log_set_prefix("adit device: ");
	lengthen(argc, argv);
	if (options_parse(device_table, argc, argv, &line, &used, &wants_help, &err) < 0)
		return fail(&err, EXIT_USAGE);
	if (wants_help) {
		print_help();
		return EXIT_DONE;
	}
	if (line.wants_version) {
		(void)puts("adit " ADIT_VERSION);
		return EXIT_DONE;
	}
	if (used != argc - 1) {
		(void)error_set(&err, EINVAL, "which interface? usage: adit device IFNAME");
		return fail(&err, EXIT_USAGE);
	}
	line.device.name = argv[used];
	if (take_environment(&line.device, &err) < 0 || device_run(&line.device, &status, &err) < 0)
		return fail(&err, EXIT_FAILED);
	return status;
}
