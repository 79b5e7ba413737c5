#include "device/engine.h"

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/log.h"
#include "base/secret.h"
#include "base/text.h"
#include "dataplane/uapi.h"
#include "device/source.h"
#include "device/syntax.h"
#include "tunnel/reply.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define GO_UP "set=1\nadit_sockets=true\nadit_up=true\n"
/* From one look at the data plane to the next, and from one check of its sources,
 * so that many peers take a small part of the time.  Counted, not measured: on a
 * busy machine a look may last a hundred times as long, and what nobody looked
 * at is lost with the data plane.
 */
#define LOOK_PAUSE_NS	    (10 * NS_PER_MS)
#define LOOK_PEER_PAUSE_NS  (NS_PER_MS / 10)
#define CHECK_PAUSE_NS	    (10 * NS_PER_MS) /* routes may change by the thousand */
#define CHECK_PEER_PAUSE_NS (NS_PER_MS / 2)

#define SESSION_NS (180 * NS_PER_S) /* whitepaper section 6.2: REJECT-AFTER-TIME */

enum {
	PEER_TEXT_LEN = 512,	/* bytes that say where a peer is, and what it was */
	PORT_AND_MARK_LEN = 64, /* bytes of both lines */
};

bool engine_is_alive(const struct engine *engine)
{
	return engine->process.pid > 0;
}

/* Also where its death has not been noted yet: nothing was said to it then. */
static bool can_hear(const struct engine *engine)
{
	struct pollfd death = {.fd = engine->process.pidfd, .events = POLLIN};

	return engine_is_alive(engine) && poll(&death, 1, 0) == 0;
}

static bool is_open(const struct engine *engine)
{
	return engine->sockets.fd[UDP_V4] >= 0 || engine->sockets.fd[UDP_V6] >= 0;
}

/* ---- what is said ---- */

/* A data plane that breaks the silence off, or keeps it, is ended: its pidfd tells. */
static int ask_for(struct engine *engine, const struct process_request *request,
		   struct process_reply *ret)
{
	int r = process_ask(&engine->process, request, ret);

	if (r == 0 || r == -ENOMEM)
		return r;
	(void)kill(engine->process.pid, SIGKILL);
	return -EIO;
}

/* The reply's errno. */
static int ask(struct engine *engine, const struct process_request *request)
{
	struct process_reply reply = {0};
	int r = ask_for(engine, request, &reply);

	if (r == 0)
		r = reply_errno(reply.text, reply.len);
	process_reply_free(&reply);
	return r;
}

static int say(struct engine *engine, const char *text, const struct udp_sockets *sockets)
{
	const struct process_request request = {
		.head = text,
		.head_len = strlen(text),
		.sockets = sockets,
	};

	return ask(engine, &request);
}

/* ---- sockets ---- */

static void warn_of(const struct udp_sockets *sockets, uint16_t refused_port)
{
	if (sockets->is_mark_refused)
		log_warn("the mark is not set: that needs CAP_NET_ADMIN");
	if (refused_port != 0)
		log_warn("port %u needs CAP_NET_BIND_SERVICE: listening on port %u instead",
			 refused_port, udp_port(sockets));
}

/* A port that is not permitted becomes any. */
static int open_port(uint16_t port, uint32_t mark, struct udp_sockets *ret)
{
	uint16_t refused_port = 0;
	int r = udp_open(port, mark, ret, NULL);

	if (r == -EACCES && port != 0) {
		refused_port = port;
		r = udp_open(0, mark, ret, NULL);
	}
	if (r == 0)
		warn_of(ret, refused_port);
	return r;
}

static int open_sockets(struct engine *engine)
{
	int r = open_port(engine->port, engine->mark, &engine->sockets);

	if (r == -EADDRINUSE && !engine->is_port_asked)
		r = open_port(0, engine->mark, &engine->sockets);
	if (r == 0)
		engine->port = udp_port(&engine->sockets);
	return r;
}

/* ---- set and get ---- */

/* The answer has keys. */
static const struct process_request get_request = {
	.head = "get=1\n\n", .head_len = 7, .memory = FD_SECRET};

/* What a set changes of the sockets. */
struct change {
	struct udp_sockets fresh; /* for another port */
	bool has_fresh;
	bool has_mark;
	uint32_t old_mark;
};

static int prepare_change(struct engine *engine, const struct syntax_set *set, struct change *ret)
{
	uint32_t mark = set->has_mark ? set->mark : engine->mark;
	struct change change = {.fresh = {.fd = {-1, -1}}, .old_mark = engine->mark};
	int r = 0;

	change.has_mark = mark != engine->mark;
	change.has_fresh = set->has_port && engine->is_up &&
			   (set->port == 0 || set->port != engine->port || !is_open(engine));
	if (change.has_fresh)
		r = open_port(set->port, mark, &change.fresh);
	else if (change.has_mark && is_open(engine))
		r = udp_set_mark(&engine->sockets, mark);
	if (r < 0)
		return r;
	if (!change.has_fresh && change.has_mark && is_open(engine))
		warn_of(&engine->sockets, 0);
	*ret = change;
	return 0;
}

static void undo_change(struct engine *engine, struct change *change)
{
	if (change->has_mark && !change->has_fresh && is_open(engine))
		(void)udp_set_mark(&engine->sockets, change->old_mark);
	udp_close(&change->fresh);
}

static void finish_change(struct engine *engine, const struct syntax_set *set,
			  struct change *change)
{
	if (set->has_mark)
		engine->mark = set->mark;
	if (set->has_port) {
		engine->port = set->port;
		engine->is_port_asked = set->port != 0;
	}
	if (!change->has_fresh)
		return;
	udp_close(&engine->sockets);
	engine->sockets = change->fresh;
	engine->port = udp_port(&engine->sockets);
}

static const char *head_of(const struct change *change)
{
	if (change->has_fresh)
		return GO_UP;
	return change->has_mark ? "set=1\nadit_forget_sources=true\n" : "set=1\n";
}

/* The journal stays as it is if memory is short just now. */
static void shorten_journal(struct engine *engine)
{
	struct process_reply reply = {0};

	if (!journal_is_stale(&engine->journal) || ask_for(engine, &get_request, &reply) < 0)
		return;
	if (reply_errno(reply.text, reply.len) == 0)
		(void)journal_restart(&engine->journal, reply.text, reply.len);
	process_reply_free(&reply);
}

/* They may have been set, so what was read before is old. */
static void forget_places(struct engine *engine)
{
	for (size_t i = 0; i < engine->last.n_peers; i++)
		engine->last.peer[i].endpoint = (union endpoint){0};
}

int engine_set(struct engine *engine, const struct syntax_set *set)
{
	struct process_request request = {.body = set->text, .body_len = set->len};
	struct change change = {.fresh = {.fd = {-1, -1}}};
	int r;

	if (!can_hear(engine))
		return -EAGAIN;
	r = journal_reserve(&engine->journal, set->len);
	if (r == 0)
		r = prepare_change(engine, set, &change);
	if (r < 0)
		return r;
	request.head = head_of(&change);
	request.head_len = strlen(request.head);
	request.sockets = change.has_fresh ? &change.fresh : NULL;
	r = ask(engine, &request);
	if (r < 0) {
		undo_change(engine, &change);
		return r;
	}
	finish_change(engine, set, &change);
	journal_add(&engine->journal, set->text, set->len);
	forget_places(engine);
	shorten_journal(engine);
	return 0;
}

static bool starts_with(const char *text, size_t len, const char *word)
{
	return len >= strlen(word) && memcmp(text, word, strlen(word)) == 0;
}

static size_t line_len(const char *text, size_t len)
{
	const char *end = memchr(text, '\n', len);

	return end ? (size_t)(end - text) + 1 : len;
}

/* Port and mark are ours to say: a data plane knows what its sockets have, which is
 * nothing while the link is down.
 */
static int complete(const struct engine *engine, const struct process_reply *reply, char **ret,
		    size_t *ret_len)
{
	const char *from = reply->text;
	size_t left = reply->len;
	size_t size = left + PORT_AND_MARK_LEN;
	char *buffer = secret_new(size);
	size_t key_len = 0;
	struct text text;

	if (!buffer)
		return -ENOMEM;
	if (starts_with(from, left, "private_key="))
		key_len = line_len(from, left);
	memcpy(buffer, from, key_len);
	from += key_len;
	left -= key_len;
	text_init(&text, buffer + key_len, size - key_len);
	if (engine->port != 0)
		text_add(&text, "listen_port=%u\n", engine->port);
	if (engine->mark != 0)
		text_add(&text, "fwmark=%" PRIu32 "\n", engine->mark);
	while (starts_with(from, left, "listen_port=") || starts_with(from, left, "fwmark=")) {
		size_t len = line_len(from, left);

		from += len;
		left -= len;
	}
	memcpy(text.at + text.len, from, left);
	*ret = buffer;
	*ret_len = key_len + text.len + left;
	return 0;
}

/* What somebody has seen must not be less the next time, whoever counts then. */
static void keep_counters(struct engine *engine, const struct process_reply *reply)
{
	struct tunnel_stats seen;

	if (reply_parse_stats(reply->text, reply->len, &seen) < 0)
		return;
	tunnel_stats_done(&engine->last);
	engine->last = seen;
}

int engine_get(struct engine *engine, char **ret, size_t *ret_len)
{
	struct process_reply reply = {0};
	int r;

	if (!can_hear(engine))
		return -EAGAIN;
	r = ask_for(engine, &get_request, &reply);
	if (r == 0)
		r = reply_errno(reply.text, reply.len);
	if (r == 0)
		r = complete(engine, &reply, ret, ret_len);
	if (r == 0)
		keep_counters(engine, &reply);
	process_reply_free(&reply);
	return r;
}

/* ---- the link ---- */

int engine_set_up(struct engine *engine, bool is_up, struct error *err)
{
	int r;

	if (is_up == engine->is_up)
		return 0;
	engine->is_up = is_up;
	if (!is_up) {
		udp_close(&engine->sockets);
		if (engine_is_alive(engine))
			(void)say(engine, "set=1\nadit_up=false\n\n", NULL);
		return 0;
	}
	r = open_sockets(engine);
	if (r < 0)
		return error_errno(err, -r, "the link is up, but UDP port %u cannot be opened",
				   engine->port);
	if (engine_is_alive(engine))
		(void)say(engine, GO_UP "\n", &engine->sockets);
	return 0;
}

void engine_set_mtu(struct engine *engine, uint32_t mtu)
{
	char buffer[64];
	struct text text;

	if (mtu < UAPI_MTU_MIN)
		mtu = UAPI_MTU_MIN; /* it only bounds the padding */
	if (mtu == engine->mtu)
		return;
	engine->mtu = mtu;
	text_init(&text, buffer, sizeof(buffer));
	text_add(&text, "set=1\nadit_mtu=%" PRIu32 "\n\n", mtu);
	if (engine_is_alive(engine))
		(void)say(engine, text.at, NULL);
}

struct instant engine_look_later(const struct engine *engine, struct instant now)
{
	uint64_t pause = LOOK_PAUSE_NS + engine->n_peers * LOOK_PEER_PAUSE_NS;

	if (instant_is_set(engine->last_read) && instant_since(now, engine->last_read) < pause)
		return instant_add(engine->last_read, pause);
	return now;
}

static void read_last(struct engine *engine, struct instant now)
{
	static const struct process_request request = {.head = "adit_stats=1\n\n", .head_len = 14};
	struct process_reply reply = {0};
	struct tunnel_stats stats;

	engine->last_read = now;
	if (ask_for(engine, &request, &reply) == 0 &&
	    reply_parse_stats(reply.text, reply.len, &stats) == 0) {
		tunnel_stats_done(&engine->last);
		engine->last = stats;
		engine->n_peers = stats.n_peers;
		memcpy(engine->takeover.last_timestamp, stats.last_timestamp,
		       sizeof(stats.last_timestamp));
	}
	process_reply_free(&reply);
}

struct instant engine_look(struct engine *engine, struct instant now)
{
	struct instant due = engine_look_later(engine, now);

	if (!engine_is_alive(engine))
		return (struct instant){0};
	if (due.ns > now.ns)
		return due;
	read_last(engine, now);
	return (struct instant){0};
}

static void doubt_source(struct engine *engine, const struct tunnel_peer_stats *peer)
{
	char key[2 * 32 + 1];
	char buffer[256];
	struct text text;

	hex_encode(peer->public_key, 32, key);
	text_init(&text, buffer, sizeof(buffer));
	text_add(&text, "set=1\npublic_key=%s\nupdate_only=true\nadit_doubt_source=true\n\n", key);
	(void)say(engine, text.at, NULL);
}

struct instant engine_check_sources(struct engine *engine, struct nlsock *sock)
{
	if (engine_is_alive(engine))
		read_last(engine, clock_now());
	for (size_t i = 0; i < engine->last.n_peers && engine_is_alive(engine); i++)
		if (!source_is_good(sock, &engine->last.peer[i], engine->mark))
			doubt_source(engine, &engine->last.peer[i]);
	return instant_add(clock_now(), CHECK_PAUSE_NS + engine->n_peers * CHECK_PEER_PAUSE_NS);
}

/* ---- one after the other ---- */

static int tell_timestamp(struct engine *engine, const uint8_t timestamp[TUNNEL_TIMESTAMP_LEN])
{
	char hex[2 * TUNNEL_TIMESTAMP_LEN + 1];
	char buffer[128];
	struct text text;

	if (!engine->takeover.has_died)
		return 0;
	hex_encode(timestamp, TUNNEL_TIMESTAMP_LEN, hex);
	text_init(&text, buffer, sizeof(buffer));
	text_add(&text, "set=1\nadit_last_timestamp=%s\n\n", hex);
	return say(engine, text.at, NULL);
}

static int tell_journal(struct engine *engine)
{
	struct process_request request = {0};
	size_t at = 0;
	int r = 0;

	while (r == 0 && journal_next(&engine->journal, &at, &request.head, &request.head_len))
		r = ask(engine, &request);
	return r;
}

static void add_peer(struct text *text, const struct tunnel_peer_stats *peer, struct wall_time now)
{
	char key[2 * 32 + 1];
	char print[ENDPOINT_TEXT_LEN];

	hex_encode(peer->public_key, 32, key);
	text_add(text, "public_key=%s\nupdate_only=true\n", key);
	if (endpoint_is_set(&peer->endpoint))
		text_add(text, "endpoint=%s\n", endpoint_print(&peer->endpoint, print));
	text_add(text,
		 "adit_past_rx=%" PRIu64 "\nadit_past_tx=%" PRIu64 "\nadit_past_handshake=%" PRIu64
		 "\n",
		 peer->rx_bytes, peer->tx_bytes, peer->last_handshake.ns);
	if (peer->last_handshake.ns + SESSION_NS > now.ns)
		text_add(text, "adit_handshake=true\n");
}

/* Where peers have moved to, since only the other side could tell it again, and what
 * was counted of them; and up, if the link is.
 */
static int tell_peers(struct engine *engine)
{
	struct process_request request = {.head = "set=1\n"};
	const struct tunnel_stats *last = &engine->last;
	size_t size = (last->n_peers + 1) * PEER_TEXT_LEN;
	AUTO_FREE char *buffer = malloc(size);
	struct wall_time now = clock_wall();
	struct text text;

	if (!buffer)
		return -ENOMEM;
	text_init(&text, buffer, size);
	for (size_t i = 0; i < last->n_peers; i++)
		add_peer(&text, &last->peer[i], now);
	text_add(&text, "\n");
	request.body = text.at;
	request.body_len = text.len;
	if (is_open(engine)) {
		request.head = GO_UP;
		request.sockets = &engine->sockets;
	}
	request.head_len = strlen(request.head);
	return ask(engine, &request);
}

static int tell_everything(struct engine *engine, const struct tunnel_config *inherited)
{
	int r = tell_timestamp(engine, inherited->last_timestamp);

	if (r == 0)
		r = tell_journal(engine);
	return r == 0 ? tell_peers(engine) : r;
}

int engine_start(struct engine *engine, struct error *err)
{
	struct tunnel_config inherited = {0};
	struct child_options options = {
		.tun = engine->tun,
		.sockets = {.fd = {-1, -1}},
		.mtu = engine->mtu,
		.is_down = true,
		.sandbox = engine->sandbox,
	};
	int r;

	takeover_hand_on(&engine->takeover, clock_now(), clock_wall(), &inherited);
	takeover_note_start(&engine->takeover, clock_now());
	options.drops_backlog = inherited.drops_backlog;
	r = process_start(&options, ENGINE_WAIT_S, &engine->process);
	if (r == 0)
		r = tell_everything(engine, &inherited);
	if (r < 0) {
		process_stop(&engine->process);
		return error_errno(err, -r, "cannot start the data plane");
	}
	return 0;
}

void engine_note_death(struct engine *engine)
{
	process_stop(&engine->process);
	takeover_note_death(&engine->takeover, clock_now());
}

void engine_done(struct engine *engine)
{
	process_stop(&engine->process);
	udp_close(&engine->sockets);
	journal_done(&engine->journal);
	tunnel_stats_done(&engine->last);
	*engine = ENGINE_NONE;
}
