/* The files behind config.h: the only system calls of this room. */
#include "base/fd.h"
#include "base/text.h"
#include "config/config.h"
#include "config/value.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char system_folder[] = "/etc/adit/";
static const char suffix[] = ".conf";

/* Wherever symbolic links lead: what counts is where the key lies. */
static bool is_below_etc(const char *path)
{
	AUTO_FREE char *real = realpath(path, NULL);

	return real && text_starts_with(real, system_folder);
}

/* Key files may be pipes, as <(pass show vpn) makes them; folders and devices
 * have no text.
 */
static int check_kind(const struct stat *info, const char *path, struct error *err)
{
	if (S_ISDIR(info->st_mode))
		return error_set(err, EISDIR, "'%s' is a folder", path);
	if (!S_ISREG(info->st_mode) && !S_ISFIFO(info->st_mode))
		return error_set(err, EINVAL, "'%s' is no regular file", path);
	return 0;
}

static int read_file(void *context, const char *path, size_t max, struct config_text *ret,
		     struct error *err)
{
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	struct config_text text = {0};
	struct stat info;
	int r;

	(void)context;
	if (fd < 0)
		return error_errno(err, errno, "cannot read '%s'", path);
	if (fstat(fd, &info) < 0)
		return error_errno(err, errno, "cannot read '%s'", path);
	r = check_kind(&info, path, err);
	if (r < 0)
		return r;
	r = fd_read_all(fd, max, FD_SECRET, &text.at, &text.len);
	if (r == -EFBIG)
		return error_set(err, EFBIG, "'%s' is larger than %zu bytes", path, max);
	if (r < 0)
		return error_errno(err, -r, "cannot read '%s'", path);
	text.mode = info.st_mode & 07777;
	text.is_open = S_ISREG(info.st_mode) && info.st_mode & S_IROTH;
	text.is_system = is_below_etc(path);
	*ret = text;
	return 0;
}

static int is_drop_in(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	return entry->d_name[0] != '.' && len > strlen(suffix) &&
	       strcmp(entry->d_name + len - strlen(suffix), suffix) == 0;
}

/* In the order of bytes, whatever the locale. */
static int compare_names(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int join_paths(const char *folder, struct dirent **entry, size_t count, char **ret)
{
	for (size_t i = 0; i < count; i++) {
		if (asprintf(&ret[i], "%s/%s", folder, entry[i]->d_name) >= 0)
			continue;
		while (i-- > 0)
			free(ret[i]);
		return -ENOMEM;
	}
	return 0;
}

static int list_files(void *context, const char *folder, char **ret, size_t max, size_t *ret_n,
		      struct error *err)
{
	struct dirent **entry;
	int count = scandir(folder, &entry, is_drop_in, compare_names);
	int r = 0;

	(void)context;
	if (count < 0 && (errno == ENOENT || errno == ENOTDIR)) {
		*ret_n = 0;
		return 0;
	}
	if (count < 0)
		return error_errno(err, errno, "cannot read the folder '%s'", folder);
	if ((size_t)count > max)
		r = error_set(err, E2BIG, "'%s' has more than %zu files", folder, max);
	else if (join_paths(folder, entry, (size_t)count, ret) < 0)
		r = error_set(err, ENOMEM, "'%s': out of memory", folder);
	for (int i = 0; i < count; i++)
		free(entry[i]);
	free(entry);
	if (r == 0)
		*ret_n = (size_t)count;
	return r;
}

static bool find_service(void *context, const char *name, const char *protocol, uint16_t *ret)
{
	struct servent entry;
	struct servent *found = NULL;
	char buffer[1024];

	(void)context;
	if (getservbyname_r(name, protocol, &entry, buffer, sizeof(buffer), &found) != 0 || !found)
		return false;
	*ret = ntohs((uint16_t)found->s_port);
	return true;
}

int config_load(const char *path, struct profile **ret, struct report *report, struct error *err)
{
	struct config_source source = {
		.read = read_file,
		.list = list_files,
		.service = find_service,
		.credentials = getenv("CREDENTIALS_DIRECTORY"),
	};

	return config_parse(&source, path, ret, report, err);
}

/* ---- names ---- */

static bool is_file(const char *path)
{
	struct stat info;

	return stat(path, &info) == 0 && !S_ISDIR(info.st_mode);
}

static bool try_path(char *ret, size_t size, const char *folder, const char *rest, const char *name)
{
	if (!folder || folder[0] != '/')
		return false;
	if (snprintf(ret, size, "%s%s/%s%s", folder, rest, name, suffix) >= (int)size)
		return false;
	return is_file(ret);
}

static bool find_named(const char *name, char *ret, size_t size)
{
	const char *config_home = getenv("XDG_CONFIG_HOME");

	if (config_home && config_home[0] == '/') {
		if (try_path(ret, size, config_home, "/adit", name))
			return true;
	} else if (try_path(ret, size, getenv("HOME"), "/.config/adit", name)) {
		return true;
	}
	return try_path(ret, size, "/etc/adit", "", name);
}

/* A name never means a file of the working folder, which may be anybody's. */
static bool is_path(const char *name)
{
	size_t len = strlen(name);

	return memchr(name, '/', len) ||
	       (len > strlen(suffix) && strcmp(name + len - strlen(suffix), suffix) == 0);
}

int config_find(const char *name, char *ret, size_t size, struct error *err)
{
	struct fault fault;

	if (is_path(name)) {
		if (snprintf(ret, size, "%s", name) >= (int)size)
			return error_set(err, ENAMETOOLONG, "'%.100s...': the path is too long",
					 name);
		return 0;
	}
	if (value_profile_name(name, strlen(name), &fault) && find_named(name, ret, size))
		return 0;
	(void)error_set(err, ENOENT, "no configuration '%.100s'", name);
	error_hint(err,
		   is_file(name) ? "for the file of that name here, write ./%s"
				 : "give a file, or NAME for %s.conf in ~/.config/adit or "
				   "/etc/adit",
		   name);
	return -ENOENT;
}

int config_load_named(const char *name, char ret_path[PROFILE_PATH_LEN], struct profile **ret,
		      struct error *err)
{
	AUTO(report) struct report *report = report_new();
	int r = report ? config_find(name, ret_path, PROFILE_PATH_LEN, err)
		       : error_set(err, ENOMEM, "out of memory");

	if (r == 0)
		return config_load(ret_path, ret, report, err);
	if (r != -ENOENT)
		return r;
	*ret = NULL;
	return 0;
}

int config_folder(char *ret, size_t size, struct error *err)
{
	const char *config_home = getenv("XDG_CONFIG_HOME");
	const char *home = getenv("HOME");
	int len;

	if (geteuid() == 0)
		len = snprintf(ret, size, "/etc/adit");
	else if (config_home && config_home[0] == '/')
		len = snprintf(ret, size, "%s/adit", config_home);
	else
		len = snprintf(ret, size, "%s/.config/adit", home ? home : "");
	return (size_t)len < size ? 0 : error_set(err, ENAMETOOLONG, "HOME is too long");
}
