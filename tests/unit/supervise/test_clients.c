/* Mirrors src/supervise/clients.c */
#include "cmocka_all.h"

#include "supervise/own_folder.h"

#include "supervise/clients.h"
#include "supervise/folder.h"

#include "base/error.h"
#include "base/loop.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

struct fixture {
	struct loop *loop;
	struct clients clients;
	int listen;
	char path[FOLDER_PATH_LEN];
	int n_served;
	int has_handshake;
};

static int serve(void *context, enum control_request request, int fd, int *ret_waits)
{
	struct fixture *fixture = context;

	fixture->n_served++;
	if (request == CONTROL_WAIT && !fixture->has_handshake) {
		*ret_waits = 1;
		return 0;
	}
	*ret_waits = 0;
	return send(fd, "{}", 2, 0) == 2 ? 0 : -errno;
}

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct error err = {0};

	assert_non_null(fixture);
	(void)snprintf(fixture->path, sizeof(fixture->path), "%s/sock", getenv("XDG_RUNTIME_DIR"));
	fixture->loop = loop_new();
	fixture->listen = folder_listen(fixture->path, &err);
	fixture->clients.serve = serve;
	fixture->clients.context = fixture;
	assert_int_equal(clients_open(&fixture->clients, fixture->loop, fixture->listen), 0);
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	clients_close(&fixture->clients);
	clients_close(&fixture->clients);
	loop_free(fixture->loop);
	(void)close(fixture->listen);
	free(fixture);
	return 0;
}

static void turn(struct fixture *fixture, int n)
{
	while (n-- > 0)
		assert_int_equal(loop_turn(fixture->loop, instant_add(clock_now(), NS_PER_MS)), 0);
}

static int ask(struct fixture *fixture, const char *word)
{
	struct error err = {0};
	int fd = folder_connect(fixture->path, &err);

	assert_true(fd >= 0);
	assert_int_equal(send(fd, word, strlen(word), 0), strlen(word));
	turn(fixture, 2);
	return fd;
}

static int has_answer(int fd)
{
	char text[8];

	return recv(fd, text, sizeof(text), MSG_DONTWAIT) == 2;
}

static void test_a_request_is_served(void **state)
{
	struct fixture *fixture = *state;
	int fd = ask(fixture, "status");

	assert_true(has_answer(fd));
	(void)close(fd);
	turn(fixture, 1);
	assert_int_equal(fixture->clients.fd[0], -1);
}

static void test_who_waits_is_answered_when_it_is_so(void **state)
{
	struct fixture *fixture = *state;
	int fd = ask(fixture, "wait");

	assert_false(has_answer(fd));
	assert_int_equal(clients_retry(&fixture->clients), 0);
	assert_false(has_answer(fd));
	fixture->has_handshake = 1;
	assert_int_equal(clients_retry(&fixture->clients), 0);
	assert_true(has_answer(fd));
	assert_int_equal(clients_retry(&fixture->clients), 0);
	assert_false(has_answer(fd));
	(void)close(fd);
}

static void test_who_speaks_nonsense_is_dropped(void **state)
{
	struct fixture *fixture = *state;
	int fd = ask(fixture, "nonsense");

	assert_int_equal(fixture->n_served, 0);
	assert_int_equal(recv(fd, &(char){0}, 1, MSG_DONTWAIT), 0);
	(void)close(fd);
}

static void test_more_than_there_is_room_for_are_turned_away(void **state)
{
	struct fixture *fixture = *state;
	int fd[CLIENTS_MAX + 1];

	for (int i = 0; i < CLIENTS_MAX; i++) {
		fd[i] = ask(fixture, "wait");
		assert_int_equal(fixture->n_served, i + 1);
	}
	fd[CLIENTS_MAX] = ask(fixture, "status");
	assert_int_equal(fixture->n_served, CLIENTS_MAX);
	assert_false(has_answer(fd[CLIENTS_MAX]));
	for (int i = 0; i <= CLIENTS_MAX; i++)
		(void)close(fd[i]);
	turn(fixture, 2);
	fd[0] = ask(fixture, "status");
	assert_true(has_answer(fd[0]));
	(void)close(fd[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_a_request_is_served, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_who_waits_is_answered_when_it_is_so, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_who_speaks_nonsense_is_dropped, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_more_than_there_is_room_for_are_turned_away,
						set_up, tear_down),
	};

	return run_in_own_folder("supervise/clients", tests);
}
