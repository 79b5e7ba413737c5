#include "relay/owner.h"

#include "base/fd.h"

#include <ctype.h>
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TCP_LISTEN_STATE = 0x0a, WORDS_IN_ADDRESS = 4, PATH_LEN = 64 };

/* ---- the tables ---- */

/* Each word of an address is printed as the processor reads it. */
static bool read_address(const char *text, size_t len, struct address *ret)
{
	uint32_t word[WORDS_IN_ADDRESS];
	char digits[9] = "";
	struct in_addr v4;

	if (len != 8 && len != 32)
		return false;
	for (size_t i = 0; i < len / 8; i++) {
		char *end;

		memcpy(digits, text + 8 * i, 8);
		word[i] = (uint32_t)strtoul(digits, &end, 16);
		if (end != digits + 8)
			return false;
	}
	if (len == 8) {
		memcpy(&v4, word, sizeof(v4));
		*ret = address_from_v4(v4);
	} else {
		memcpy(&ret->ip, word, sizeof(ret->ip));
	}
	return true;
}

static bool is_any(const struct address *address)
{
	size_t len;
	const uint8_t *bytes = address_bytes(address, &len);
	uint8_t sum = 0;

	for (size_t i = 0; i < len; i++)
		sum |= bytes[i];
	return sum == 0;
}

bool owner_read_line(const char *line, enum relay_protocol protocol, const union endpoint *at,
		     uint64_t *ret_inode)
{
	char text[33];
	unsigned int port;
	unsigned int state;
	struct address local;
	struct address wanted = endpoint_address(at);

	if (sscanf(line,
		   " %*u: %32[0-9A-F]:%4x %*[0-9A-F]:%*x %2x %*x:%*x %*x:%*x %*x %*u %*u %" SCNu64,
		   text, &port, &state, ret_inode) != 4)
		return false;
	if (port != endpoint_port(at) || !read_address(text, strlen(text), &local))
		return false;
	if (protocol == RELAY_TCP && state != TCP_LISTEN_STATE)
		return false;
	return is_any(&local) || address_equal(&local, &wanted);
}

static bool find_in(const char *path, enum relay_protocol protocol, const union endpoint *at,
		    uint64_t *ret_inode)
{
	FILE *table = fopen(path, "re");
	char line[512];
	bool is_found = false;

	while (table && !is_found && fgets(line, sizeof(line), table))
		is_found = owner_read_line(line, protocol, at, ret_inode) && *ret_inode != 0;
	if (table)
		(void)fclose(table);
	return is_found;
}

/* An IPv6 socket may take an IPv4 port too. */
static bool find_inode(enum relay_protocol protocol, const union endpoint *at, uint64_t *ret)
{
	static const char *const path[2][2] = {
		[RELAY_TCP] = {"/proc/self/net/tcp", "/proc/self/net/tcp6"},
		[RELAY_UDP] = {"/proc/self/net/udp", "/proc/self/net/udp6"},
	};
	bool is_v6 = at->any.sa_family == AF_INET6;

	return find_in(path[protocol][is_v6], protocol, at, ret) ||
	       (!is_v6 && find_in(path[protocol][1], protocol, at, ret));
}

/* ---- processes ---- */

static bool has_socket(const char *pid, const char *link)
{
	char path[PATH_LEN];
	char target[PATH_LEN];
	DIR *folder;
	const struct dirent *entry;
	bool is_found = false;

	(void)snprintf(path, sizeof(path), "/proc/%.16s/fd", pid);
	folder = opendir(path);
	while (folder && !is_found && (entry = readdir(folder)) != NULL) {
		ssize_t n = readlinkat(dirfd(folder), entry->d_name, target, sizeof(target) - 1);

		target[n > 0 ? n : 0] = '\0';
		is_found = strcmp(target, link) == 0;
	}
	if (folder)
		(void)closedir(folder);
	return is_found;
}

static void name_process(const char *pid, struct owner *ret)
{
	char path[PATH_LEN];

	ret->pid = (pid_t)strtol(pid, NULL, 10);
	(void)snprintf(path, sizeof(path), "/proc/%.16s/comm", pid);
	if (fd_read_file(path, ret->name, sizeof(ret->name)) < 0)
		(void)snprintf(ret->name, sizeof(ret->name), "?");
	ret->name[strcspn(ret->name, "\n")] = '\0';
}

bool owner_find(enum relay_protocol protocol, const union endpoint *at, struct owner *ret)
{
	char link[PATH_LEN];
	uint64_t inode;
	DIR *processes;
	const struct dirent *entry;
	bool is_found = false;

	if (!find_inode(protocol, at, &inode))
		return false;
	(void)snprintf(link, sizeof(link), "socket:[%" PRIu64 "]", inode);
	processes = opendir("/proc");
	while (processes && !is_found && (entry = readdir(processes)) != NULL) {
		if (!isdigit((unsigned char)entry->d_name[0]) || !has_socket(entry->d_name, link))
			continue;
		name_process(entry->d_name, ret);
		is_found = true;
	}
	if (processes)
		(void)closedir(processes);
	return is_found;
}
