#include "supervise/control.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/fd.h"
#include "supervise/folder.h"
#include "supervise/place.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

static const char *const words[CONTROL_REQUESTS] = {
	[CONTROL_STATUS] = "status", [CONTROL_BRIEF] = "brief", [CONTROL_WAIT] = "wait",
	[CONTROL_RELOAD] = "reload", [CONTROL_STOP] = "stop",
};

/* ---- the supervisor's side ---- */

int control_read(int fd, enum control_request *ret)
{
	char word[CONTROL_WORD_MAX];
	ssize_t n = recv(fd, word, sizeof(word), MSG_DONTWAIT | MSG_TRUNC);

	if (n < 0)
		return -errno;
	if (n == 0)
		return -ECONNRESET;
	for (int i = 0; i < CONTROL_REQUESTS; i++) {
		if ((size_t)n != strlen(words[i]) || memcmp(word, words[i], (size_t)n) != 0)
			continue;
		*ret = (enum control_request)i;
		return 0;
	}
	return -EBADMSG;
}

void control_answer(int fd, json_t *answer)
{
	static const char no_memory[] = "{\"error\": \"out of memory\", \"code\": 12}";
	AUTO_FREE char *text = answer ? json_dumps(answer, JSON_COMPACT) : NULL;
	const char *bytes = text ? text : no_memory;
	ssize_t n;

	/* who does not read its answer does not hold us up */
	do
		n = send(fd, bytes, strlen(bytes), MSG_DONTWAIT | MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		(void)shutdown(fd, SHUT_RDWR); /* it does not wait for what does not come */
}

void control_answer_error(int fd, const struct error *err)
{
	json_t *answer = json_pack("{s:s, s:s, s:i}", "error", err->what, "hint", err->hint, "code",
				   err->code);

	control_answer(fd, answer);
	json_decref(answer);
}

/* ---- the asking side ---- */

static int await(int fd, uint64_t timeout_ns, const struct place *place, struct error *err)
{
	int timeout_ms = timeout_ns == 0 ? -1 : (int)(timeout_ns / NS_PER_MS);
	int r;

	do
		r = poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, timeout_ms);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return error_errno(err, errno, "cannot wait for an answer");
	return r > 0 ? 0
		     : error_set(err, ETIMEDOUT, "the supervisor of '%s' has not answered",
				 place->name);
}

/* A failure of the supervisor's becomes ours. */
static int take_error(json_t *answer, struct error *err)
{
	const char *what = NULL;
	const char *hint = "";
	int code = EIO;
	int r;

	if (json_unpack(answer, "{s:s, s?s, s?i}", "error", &what, "hint", &hint, "code", &code) <
	    0)
		return 0;
	r = error_set(err, code > 0 ? code : EIO, "%s", what);
	if (hint[0])
		error_hint(err, "%s", hint);
	return r;
}

static int take_answer(int fd, const struct place *place, json_t **ret, struct error *err)
{
	AUTO_FREE char *text = malloc(CONTROL_ANSWER_MAX);
	ssize_t n = text ? recv(fd, text, CONTROL_ANSWER_MAX, 0) : -1;
	json_t *answer;
	int r;

	if (!text)
		return error_set(err, ENOMEM, "out of memory");
	if (n <= 0)
		return error_set(err, ECONNRESET, "the supervisor of '%s' has ended", place->name);
	answer = json_loadb(text, (size_t)n, 0, NULL);
	if (!answer)
		return error_set(err, EBADMSG,
				 "the supervisor of '%s' speaks another version of adit",
				 place->name);
	r = take_error(answer, err);
	if (r < 0) {
		json_decref(answer);
		return r;
	}
	*ret = answer;
	return 0;
}

int control_begin(const struct place *place, enum control_request request, struct error *err)
{
	const char *word = words[request];
	AUTO_FD int fd = folder_connect(place->control, err);

	if (fd == -ENOENT) {
		(void)error_set(err, ENOENT, "'%s' is not up", place->name);
		error_hint(err, "adit up %s", place->name);
	}
	if (fd < 0)
		return fd;
	if (send(fd, word, strlen(word), MSG_NOSIGNAL) < 0)
		return error_errno(err, errno, "cannot ask the supervisor of '%s'", place->name);
	return take_fd(&fd);
}

int control_finish(int fd, const struct place *place, uint64_t timeout_ns, json_t **ret,
		   struct error *err)
{
	int r = await(fd, timeout_ns, place, err);

	return r < 0 ? r : take_answer(fd, place, ret, err);
}

int control_ask(const struct place *place, enum control_request request, uint64_t timeout_ns,
		json_t **ret, struct error *err)
{
	AUTO_FD int fd = control_begin(place, request, err);

	return fd < 0 ? fd : control_finish(fd, place, timeout_ns, ret, err);
}
