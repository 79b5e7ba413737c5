#include "config/key.h"

#include "base/text.h"
#include "config/builder.h"
#include "config/flow.h"

#include <string.h>

const struct section_info section_info[SECTIONS] = {
	[SECTION_INTERFACE] = {"Interface", 0}, [SECTION_PEER] = {"Peer", 0},
	[SECTION_NAMESPACE] = {"Namespace", 0}, [SECTION_NAT] = {"Nat", KEY_LATER},
	[SECTION_LAN] = {"Lan", KEY_LASTING},	[SECTION_TUNNEL] = {"Tunnel", 0},
};

/* ---- [Interface] ---- */

static bool is_usable_key(const uint8_t key[32], struct fault *fault)
{
	if (secret_is_zero(key, 32))
		return fault_set(fault, 0, 0, "a key of zeroes stands for no key");
	return true;
}

static bool set_private_key(struct builder *builder, const struct item *item, struct fault *fault)
{
	AUTO_WIPE struct secret_key key;

	if (!value_key(item->text, item->len, fault, key.byte) || !is_usable_key(key.byte, fault))
		return false;
	builder->profile->private_key = key;
	builder->profile->has_private_key = true;
	return true;
}

static bool set_address(struct builder *builder, const struct item *item, struct fault *fault)
{
	struct profile *profile = builder->profile;
	struct prefix prefix;

	if (!value_prefix(item->text, item->len, fault, &prefix) ||
	    !value_host(&prefix.address, fault))
		return false;
	if (profile->n_addresses == PROFILE_ADDRESSES_MAX)
		return fault_set(fault, 0, 0, "more than %d addresses", PROFILE_ADDRESSES_MAX);
	for (size_t i = 0; i < profile->n_addresses; i++)
		if (address_equal(&profile->address[i].address, &prefix.address))
			return fault_set(fault, 0, 0, "this address is given twice");
	profile->address[profile->n_addresses++] = prefix;
	return true;
}

/* A word that cannot be a domain name was meant as an address. */
static bool looks_like_address(const struct item *item)
{
	return memchr(item->text, ':', item->len) || memchr(item->text, '/', item->len);
}

static bool add_search(struct builder_dns *dns, const struct item *item, struct fault *fault)
{
	if (!value_domain(item->text, item->len, fault))
		return false;
	if (dns->n_search == PROFILE_SEARCH_MAX)
		return fault_set(fault, 0, 0, "more than %d search domains", PROFILE_SEARCH_MAX);
	memcpy(dns->search[dns->n_search++], item->text, item->len + 1);
	return true;
}

static bool add_dns(struct builder_dns *dns, const struct item *item, struct fault *fault)
{
	struct address address;

	dns->is_given = true;
	if (!value_address(item->text, item->len, fault, &address))
		return !looks_like_address(item) && add_search(dns, item, fault);
	if (!value_host(&address, fault))
		return false;
	if (dns->n_addresses == PROFILE_DNS_MAX)
		return fault_set(fault, 0, 0, "more than %d servers", PROFILE_DNS_MAX);
	dns->place[dns->n_addresses] = item->place;
	dns->address[dns->n_addresses++] = address;
	return true;
}

static bool set_interface_dns(struct builder *builder, const struct item *item, struct fault *fault)
{
	return add_dns(&builder->interface_dns, item, fault);
}

enum {
	MTU_MIN = 576,	      /* what every IPv4 host takes (RFC 791 section 3.1) */
	MTU_MAX = 65507 - 32, /* the UDP payload of an IPv4 packet, less what WireGuard adds */
};

static bool set_mtu(struct builder *builder, const struct item *item, struct fault *fault)
{
	uint32_t mtu;

	if (!value_number(item->text, item->len, MTU_MIN, MTU_MAX, fault, &mtu))
		return false;
	builder->profile->mtu = (uint16_t)mtu;
	return true;
}

static bool set_listen_port(struct builder *builder, const struct item *item, struct fault *fault)
{
	uint16_t port = 0;
	uint64_t zero;

	/* 0 is wg(8)'s "any" and no port otherwise. */
	if (!text_to_u64(item->text, item->len, 0, &zero) &&
	    !value_port(item->text, item->len, &builder->services, "udp", fault, &port))
		return false;
	builder->profile->listen_port = port;
	return true;
}

static bool set_fwmark(struct builder *builder, const struct item *item, struct fault *fault)
{
	return value_fwmark(item->text, item->len, fault, &builder->profile->fwmark);
}

/* ---- [Peer] ---- */

static bool set_public_key(struct builder *builder, const struct item *item, struct fault *fault)
{
	uint8_t key[32];

	if (!value_key(item->text, item->len, fault, key) || !is_usable_key(key, fault))
		return false;
	memcpy(builder->peer->public_key, key, sizeof(key));
	builder->peer->public_key_place = item->place;
	return true;
}

static bool set_preshared_key(struct builder *builder, const struct item *item, struct fault *fault)
{
	if (!value_key(item->text, item->len, fault, builder->peer->preshared_key.byte))
		return false;
	builder->peer->preshared_key_place = item->place;
	return true;
}

static bool set_allowed_ip(struct builder *builder, const struct item *item, struct fault *fault)
{
	struct prefix prefix;

	if (!value_prefix(item->text, item->len, fault, &prefix))
		return false;
	if (builder->n_allowed_ips == PROFILE_ALLOWED_IPS_MAX)
		return fault_set(fault, 0, 0, "more than %d networks", PROFILE_ALLOWED_IPS_MAX);
	prefix_normalize(&prefix);
	if (profile_add_allowed_ip(builder->peer, &prefix, &item->place) < 0)
		builder->is_out_of_memory = true;
	builder->n_allowed_ips++;
	return true;
}

static bool set_endpoint(struct builder *builder, const struct item *item, struct fault *fault)
{
	struct profile_peer *peer = builder->peer;
	struct value_endpoint endpoint;

	peer->endpoint_place = item->place;
	if (!value_endpoint(item->text, item->len, &builder->services, fault, &endpoint))
		return false;
	peer->endpoint = endpoint.address;
	memcpy(peer->endpoint_host, endpoint.host, sizeof(peer->endpoint_host));
	peer->endpoint_port = endpoint.host[0] ? endpoint.port : 0;
	if (endpoint.lacks_brackets) {
		char text[ENDPOINT_TEXT_LEN];

		builder_remark(builder, REPORT_WARNING, &item->place, item->raw_len,
			       "%s: '%s': read as %s", item->key->name, item->text,
			       endpoint_print(&endpoint.address, text));
		report_hint(builder->report, "an IPv6 address with a port stands in brackets");
	}
	return true;
}

static bool set_keepalive(struct builder *builder, const struct item *item, struct fault *fault)
{
	builder->peer->keepalive_place = item->place;
	return value_keepalive(item->text, item->len, fault, &builder->peer->keepalive_s);
}

/* ---- [Namespace] ---- */

static bool copy_text(const struct item *item, char *ret)
{
	memcpy(ret, item->text, item->len + 1);
	return true;
}

static bool set_wireguard(struct builder *builder, const struct item *item, struct fault *fault)
{
	return builder_resolve(builder, item, fault, builder->wireguard_path);
}

/* The key that a file holds, blanks around it allowed. */
static bool read_key_file(struct builder *builder, const struct item *item, struct fault *fault,
			  struct secret_key *ret)
{
	char path[PROFILE_PATH_LEN];
	struct config_text text;
	struct error err;
	struct slice key;
	bool is_read;

	if (report_looks_secret(item->text, item->len)) {
		(void)fault_set(fault, 0, 0,
				"the name of a file is wanted, and this looks like a key");
		return fault_hint(fault, "the key itself is the value of %sKey",
				  item->key->section == SECTION_PEER ? "Preshared" : "Private");
	}
	if (!builder_resolve(builder, item, fault, path))
		return false;
	if (builder->source->read(builder->source->context, path, CONFIG_KEY_FILE_MAX, &text,
				  &err) < 0)
		return fault_set(fault, 0, 0, "%.150s", err.what);
	key = lexer_trim((struct slice){text.at, text.len});
	is_read = value_key(key.at, key.len, fault, ret->byte);
	secret_free(text.at);
	if (!is_read)
		return fault_set(fault, 0, 0, "the file holds no key as 'wg genkey' writes it");
	if (profile_add_key_file(builder->profile, path) < 0)
		return fault_set(fault, 0, 0, "out of memory");
	if (text.is_open) {
		builder_remark(builder, text.is_system ? REPORT_ERROR : REPORT_WARNING,
			       &item->place, item->raw_len, "%s: others can read '%s' (mode %04o)",
			       item->key->name, path, text.mode);
		report_hint(builder->report, "chmod 600 %s", path);
	}
	return true;
}

static bool set_private_key_file(struct builder *builder, const struct item *item,
				 struct fault *fault)
{
	AUTO_WIPE struct secret_key key;

	if (!read_key_file(builder, item, fault, &key) || !is_usable_key(key.byte, fault))
		return false;
	/* PrivateKey= beside it is refused in check.c, whichever came first. */
	builder->profile->private_key = key;
	builder->profile->has_private_key = true;
	return true;
}

static bool set_preshared_key_file(struct builder *builder, const struct item *item,
				   struct fault *fault)
{
	if (!read_key_file(builder, item, fault, &builder->peer->preshared_key))
		return false;
	builder->peer->preshared_key_place = item->place;
	return true;
}

static bool set_namespace_dns(struct builder *builder, const struct item *item, struct fault *fault)
{
	return add_dns(&builder->namespace_dns, item, fault);
}

/* An enumeration's words, in the order of its values; NULL ends. */
static bool find_word(const struct item *item, const char *const *words, struct fault *fault,
		      unsigned int *ret)
{
	for (unsigned int i = 0; words[i]; i++) {
		if (text_equal_nocase(item->text, item->len, words[i])) {
			*ret = i;
			return true;
		}
	}
	if (words[1] && words[2])
		return fault_set(fault, 0, 0, "'%s', '%s' or '%s' is wanted", words[0], words[1],
				 words[2]);
	return fault_set(fault, 0, 0, "'%s' or '%s' is wanted", words[0], words[1]);
}

static bool set_backend(struct builder *builder, const struct item *item, struct fault *fault)
{
	static const char *const words[] = {
		[BACKEND_AUTO] = "auto",
		[BACKEND_KERNEL] = "kernel",
		[BACKEND_USERSPACE] = "userspace",
		NULL,
	};
	unsigned int word = 0;

	if (!find_word(item, words, fault, &word))
		return false;
	builder->profile->backend = (enum profile_backend)word;
	if (builder->profile->backend == BACKEND_KERNEL)
		builder_remark(builder, REPORT_LASTING, &item->place, item->raw_len,
			       "Backend: 'kernel' is for lasting namespaces (adit up)");
	return true;
}

static bool set_device(struct builder *builder, const struct item *item, struct fault *fault)
{
	if (!value_interface_name(item->text, item->len, fault))
		return false;
	if (strcmp(item->text, "lo") == 0)
		return fault_set(fault, 0, 0, "lo is every namespace's loopback");
	return copy_text(item, builder->profile->device);
}

static bool set_underlay(struct builder *builder, const struct item *item, struct fault *fault)
{
	return value_profile_name(item->text, item->len, fault) &&
	       copy_text(item, builder->profile->underlay);
}

static bool set_path(struct builder *builder, const struct item *item, struct fault *fault)
{
	builder->profile->path_place = item->place;
	return builder_resolve(builder, item, fault, builder->profile->path);
}

static bool set_user(struct builder *builder, const struct item *item, struct fault *fault)
{
	struct profile *profile = builder->profile;

	if (!value_user_name(item->text, item->len, fault))
		return false;
	if (profile->n_users == PROFILE_NAMES_MAX)
		return fault_set(fault, 0, 0, "more than %d users", PROFILE_NAMES_MAX);
	return copy_text(item, profile->user[profile->n_users++]);
}

static bool set_group(struct builder *builder, const struct item *item, struct fault *fault)
{
	struct profile *profile = builder->profile;

	if (!value_user_name(item->text, item->len, fault))
		return false;
	if (profile->n_groups == PROFILE_NAMES_MAX)
		return fault_set(fault, 0, 0, "more than %d groups", PROFILE_NAMES_MAX);
	return copy_text(item, profile->group[profile->n_groups++]);
}

/* ---- [Nat], [Lan], [Tunnel] ---- */

/* One address of each family. */
static bool add_pair_address(const struct item *item, struct fault *fault, struct prefix pair[2],
			     size_t *n_pair)
{
	struct prefix prefix;

	if (!value_prefix(item->text, item->len, fault, &prefix) ||
	    !value_host(&prefix.address, fault))
		return false;
	for (size_t i = 0; i < *n_pair; i++)
		if (address_family(&pair[i].address) == address_family(&prefix.address))
			return fault_set(fault, 0, 0, "a second %s address: one is enough",
					 address_is_v4(&prefix.address) ? "IPv4" : "IPv6");
	pair[(*n_pair)++] = prefix;
	return true;
}

static bool set_nat_via(struct builder *builder, const struct item *item, struct fault *fault)
{
	return value_interface_name(item->text, item->len, fault) &&
	       copy_text(item, builder->profile->nat_via);
}

static bool set_nat_host(struct builder *builder, const struct item *item, struct fault *fault)
{
	return add_pair_address(item, fault, builder->profile->nat_host,
				&builder->profile->n_nat_host);
}

static bool set_nat_namespace(struct builder *builder, const struct item *item, struct fault *fault)
{
	return add_pair_address(item, fault, builder->profile->nat_namespace,
				&builder->profile->n_nat_namespace);
}

static bool set_lan_interface(struct builder *builder, const struct item *item, struct fault *fault)
{
	return value_interface_name(item->text, item->len, fault) &&
	       copy_text(item, builder->profile->lan_interface);
}

static bool set_lan_path(struct builder *builder, const struct item *item, struct fault *fault)
{
	static const char *const words[] = {
		[LAN_PATH_RELAY] = "relay",
		[LAN_PATH_VETH] = "veth",
		NULL,
	};
	unsigned int word = 0;

	if (!find_word(item, words, fault, &word))
		return false;
	builder->profile->lan_path = (enum profile_lan_path)word;
	builder->profile->has_lan_path = true;
	return true;
}

static bool set_lan_host(struct builder *builder, const struct item *item, struct fault *fault)
{
	return add_pair_address(item, fault, builder->profile->lan_host,
				&builder->profile->n_lan_host);
}

static bool set_lan_namespace(struct builder *builder, const struct item *item, struct fault *fault)
{
	return add_pair_address(item, fault, builder->profile->lan_namespace,
				&builder->profile->n_lan_namespace);
}

static bool set_forward(struct builder *builder, const struct item *item, struct fault *fault)
{
	struct profile *profile = builder->profile;
	struct profile_forward forward;
	char where[BUILDER_WHERE_LEN];

	if (!flow_forward(item->text, item->len, &builder->services, fault, &forward))
		return false;
	forward.place = item->place;
	if (profile->n_forwards == PROFILE_FORWARDS_MAX)
		return fault_set(fault, 0, 0, "more than %d forwards", PROFILE_FORWARDS_MAX);
	for (size_t i = 0; i < profile->n_forwards; i++)
		if (flow_forwards_collide(&profile->forward[i], &forward))
			return fault_set(fault, 0, 0, "a port forwarded already (%s)",
					 builder_where(builder, &item->place,
						       &profile->forward[i].place, where));
	profile->forward[profile->n_forwards++] = forward;
	return true;
}

static bool set_allow(struct builder *builder, const struct item *item, struct fault *fault)
{
	struct profile *profile = builder->profile;
	struct profile_allow allow;

	if (!flow_allow(item->text, item->len, &builder->services, fault, &allow))
		return false;
	allow.place = item->place;
	if (profile->n_allows == PROFILE_ALLOWS_MAX)
		return fault_set(fault, 0, 0, "more than %d flows", PROFILE_ALLOWS_MAX);
	profile->allow[profile->n_allows++] = allow;
	return true;
}

static bool set_proxy_protocol(struct builder *builder, const struct item *item,
			       struct fault *fault)
{
	return value_bool(item->text, item->len, fault, &builder->profile->has_proxy_protocol);
}

static bool set_accept(struct builder *builder, const struct item *item, struct fault *fault)
{
	struct profile *profile = builder->profile;
	struct profile_accept accept;

	if (!flow_accept(item->text, item->len, &builder->services, fault, &accept))
		return false;
	accept.place = item->place;
	if (profile->n_accepts == PROFILE_ACCEPTS_MAX)
		return fault_set(fault, 0, 0, "more than %d flows", PROFILE_ACCEPTS_MAX);
	profile->accept[profile->n_accepts++] = accept;
	return true;
}

/* wg(8)'s own keys are squeezed and the last one wins, as wg(8) reads them. */
enum {
	KEY_WG = KEY_SQUEEZE | KEY_LAST,
	KEY_WG_SECRET = KEY_WG | KEY_SECRET,
	KEY_WG_LIST = KEY_SQUEEZE | KEY_COMMAS,
};

const struct key key_table[] = {
	{SECTION_INTERFACE, "PrivateKey", KEY_WG_SECRET, set_private_key},
	{SECTION_INTERFACE, "ListenPort", KEY_WG, set_listen_port},
	{SECTION_INTERFACE, "FwMark", KEY_WG, set_fwmark},
	{SECTION_INTERFACE, "Address", KEY_WORDS, set_address},
	{SECTION_INTERFACE, "DNS", KEY_WORDS, set_interface_dns},
	{SECTION_INTERFACE, "MTU", KEY_LAST, set_mtu},

	{SECTION_PEER, "PublicKey", KEY_WG, set_public_key},
	{SECTION_PEER, "PresharedKey", KEY_WG_SECRET, set_preshared_key},
	{SECTION_PEER, "AllowedIPs", KEY_WG_LIST, set_allowed_ip},
	{SECTION_PEER, "Endpoint", KEY_WG, set_endpoint},
	{SECTION_PEER, "PersistentKeepalive", KEY_WG, set_keepalive},
	{SECTION_PEER, "PresharedKeyFile", KEY_LAST, set_preshared_key_file},

	{SECTION_NAMESPACE, "WireGuard", KEY_MOVE, set_wireguard},
	{SECTION_NAMESPACE, "PrivateKeyFile", KEY_MOVE, set_private_key_file},
	{SECTION_NAMESPACE, "Address", KEY_WORDS | KEY_MOVE, set_address},
	{SECTION_NAMESPACE, "DNS", KEY_WORDS, set_namespace_dns},
	{SECTION_NAMESPACE, "Backend", KEY_MOVE, set_backend},
	{SECTION_NAMESPACE, "Device", KEY_MOVE, set_device},
	{SECTION_NAMESPACE, "Underlay", KEY_MOVE | KEY_LATER, set_underlay},
	{SECTION_NAMESPACE, "Path", KEY_LASTING, set_path},
	{SECTION_NAMESPACE, "Users", KEY_WORDS | KEY_LATER, set_user},
	{SECTION_NAMESPACE, "Groups", KEY_WORDS | KEY_LATER, set_group},

	{SECTION_NAT, "Via", 0, set_nat_via},
	{SECTION_NAT, "HostAddress", KEY_WORDS, set_nat_host},
	{SECTION_NAT, "NamespaceAddress", KEY_WORDS, set_nat_namespace},

	{SECTION_LAN, "Interface", 0, set_lan_interface},
	{SECTION_LAN, "Forward", KEY_COMMAS, set_forward},
	{SECTION_LAN, "Path", 0, set_lan_path},
	{SECTION_LAN, "HostAddress", KEY_WORDS, set_lan_host},
	{SECTION_LAN, "NamespaceAddress", KEY_WORDS, set_lan_namespace},
	{SECTION_LAN, "Allow", KEY_COMMAS, set_allow},
	{SECTION_LAN, "ProxyProtocol", 0, set_proxy_protocol},

	{SECTION_TUNNEL, "Accept", KEY_COMMAS, set_accept},
};
const size_t n_keys = sizeof(key_table) / sizeof(key_table[0]);
_Static_assert(sizeof(key_table) / sizeof(key_table[0]) <= KEYS_MAX, "KEYS_MAX");

enum section section_find(struct slice name)
{
	unsigned int section = 0;

	while (section < SECTIONS && !lexer_equal(name, section_info[section].name))
		section++;
	return (enum section)section;
}

const struct key *key_find(enum section section, struct slice name)
{
	for (size_t i = 0; i < n_keys; i++)
		if (key_table[i].section == section && lexer_equal(name, key_table[i].name))
			return &key_table[i];
	return NULL;
}

const struct key *key_find_anywhere(struct slice name)
{
	for (unsigned int section = 0; section < SECTIONS; section++) {
		const struct key *key = key_find((enum section)section, name);

		if (key)
			return key;
	}
	return NULL;
}

/* A third of the word may be wrong, and more than that is another word. */
static bool is_near(struct slice name, const char *known, unsigned int *best)
{
	unsigned int distance = text_distance(name.at, name.len, known);

	if (distance >= *best || 3 * distance > strlen(known) || name.len > 2 * strlen(known))
		return false;
	*best = distance;
	return true;
}

const char *section_suggest(struct slice name)
{
	const char *nearest = NULL;
	unsigned int best = 255;

	for (unsigned int i = 0; i < SECTIONS; i++)
		if (is_near(name, section_info[i].name, &best))
			nearest = section_info[i].name;
	return nearest;
}

const struct key *key_suggest(enum section section, struct slice name)
{
	const struct key *nearest = NULL;
	unsigned int best = 255;

	for (size_t i = 0; i < n_keys; i++)
		if (key_table[i].section == section && is_near(name, key_table[i].name, &best))
			nearest = &key_table[i];
	return nearest;
}
