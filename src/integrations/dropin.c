#include "integrations/dropin.h"

#include "base/text.h"

#include <stdio.h>
#include <string.h>

enum { VALUE_LEN = 8192 };

/* Where the lines go.  A key comes once, as nix has it. */
struct printer {
	enum dropin_form form;
	struct text *out;
};

static void open_section(const struct printer *printer, const char *unit, const char *nix)
{
	if (printer->form == DROPIN_UNIT)
		text_add(printer->out, "\n[%s]\n", unit);
	else
		text_add(printer->out, "  %s = {\n", nix);
}

static void close_section(const struct printer *printer)
{
	if (printer->form == DROPIN_NIX)
		text_add(printer->out, "  };\n");
}

static void add_why(const struct printer *printer, const char *why)
{
	text_add(printer->out, "%s# %s\n", printer->form == DROPIN_NIX ? "    " : "", why);
}

static void add(const struct printer *printer, const char *key, const char *value)
{
	if (printer->form == DROPIN_UNIT)
		text_add(printer->out, "%s=%s\n", key, value);
	else
		text_add(printer->out, "    %s = \"%s\";\n", key, value);
}

/* ---- what every kind has ---- */

/* What is not there yet when the unit begins cannot be made inaccessible to it. */
static const char *const covered_services[DROPIN_KINDS][5] = {
	[DROPIN_SERVICE] = {"dbus.service", "nscd.service", "avahi-daemon.service",
			    "systemd-resolved.service"},
};

static void add_after(const struct dropin *dropin, const struct printer *printer)
{
	const char *const *service = covered_services[dropin->kind];
	const char *quote = printer->form == DROPIN_NIX ? "\"" : "";

	text_add(printer->out, "%sadit-netns@%s.service%s %sadit@%s.service%s", quote, dropin->name,
		 quote, quote, dropin->name, quote);
	for (; *service; service++)
		text_add(printer->out, " %s%s%s", quote, *service, quote);
}

static void add_order(const struct dropin *dropin, const struct printer *printer)
{
	const char *name = dropin->name;

	if (printer->form == DROPIN_NIX) {
		text_add(printer->out, "  bindsTo = [ \"adit-netns@%s.service\" ];\n", name);
		text_add(printer->out, "  wants = [ \"adit@%s.service\" ];\n", name);
		text_add(printer->out, "  after = [ ");
		add_after(dropin, printer);
		text_add(printer->out, " ];\n");
		return;
	}
	text_add(printer->out, "\n[Unit]\n");
	add_why(printer, "it ends with the namespace, and not with the supervisor");
	text_add(printer->out, "BindsTo=adit-netns@%s.service\n", name);
	text_add(printer->out, "Wants=adit@%s.service\n", name);
	text_add(printer->out, "After=");
	add_after(dropin, printer);
	text_add(printer->out, "\n");
}

/* ---- a service ---- */

static const char *const allowed_families[] = {"AF_UNIX", "AF_INET", "AF_INET6", "AF_NETLINK"};

static bool has_word(const char *words, const char *word)
{
	size_t len = strlen(word);

	while (*words) {
		size_t this = strcspn(words, " ");

		if (this == len && memcmp(words, word, len) == 0)
			return true;
		words += this;
		words += strspn(words, " ");
	}
	return false;
}

/* Those of ours that the unit allows itself. */
static void narrow_families(const char *own, char ret[VALUE_LEN])
{
	bool is_denying = own[0] == '~';
	const char *words = own + is_denying;
	struct text text;

	text_init(&text, ret, VALUE_LEN);
	for (size_t i = 0; i < sizeof(allowed_families) / sizeof(allowed_families[0]); i++)
		if (has_word(words, allowed_families[i]) != is_denying)
			text_add(&text, "%s%s", text.len > 0 ? " " : "", allowed_families[i]);
	if (text.len == 0)
		text_add(&text, "none");
}

/* What was said before is forgotten: two lists would be one longer list. */
static void add_families(const struct dropin *dropin, const struct printer *printer)
{
	char value[VALUE_LEN];

	narrow_families(dropin->families, value);
	if (printer->form == DROPIN_UNIT)
		add(printer, "RestrictAddressFamilies", "");
	add(printer, "RestrictAddressFamilies", value);
}

/* For a list of paths: systemd.syntax(7), "%" of systemd.unit(5), and nix's strings. */
static void add_path(struct text *text, enum dropin_form form, const char *path)
{
	text_add(text, " -");
	for (; *path; path++) {
		if (*path == '%')
			text_add(text, "%%");
		else if (strchr(" \t\"'\\", *path))
			text_add(text, form == DROPIN_NIX ? "\\\\" : "\\");
		if (form == DROPIN_NIX && strchr("\"\\$", *path))
			text_add(text, "\\");
		text_add(text, "%c", *path);
	}
}

/* Root's own service could read keys, and speak to the supervisor. */
static void add_inaccessible(const struct dropin *dropin, const struct printer *printer)
{
	char value[VALUE_LEN];
	struct text text;

	text_init(&text, value, sizeof(value));
	text_add(
		&text,
		"-/run/nscd -/run/avahi-daemon -/run/systemd/resolve/io.systemd.Resolve "
		"-/run/systemd/resolve/io.systemd.Resolve.Monitor -/run/dbus -/run/systemd/private "
		"-/run/user -/run/adit -/etc/adit");
	for (size_t i = 0; i < dropin->n_hidden; i++)
		if (!text_starts_with(dropin->hidden[i], "/etc/adit/"))
			add_path(&text, printer->form, dropin->hidden[i]);
	add_why(printer, "over a bus, programs outside would act for it; and keys are in files");
	add(printer, "InaccessiblePaths", value);
}

static void print_service(const struct dropin *dropin, const struct printer *printer)
{
	char value[VALUE_LEN];

	open_section(printer, "Service", "serviceConfig");
	add(printer, "NetworkNamespacePath", dropin->netns);
	add_why(printer, "names are looked up by the tunnel, or not at all");
	(void)snprintf(value, sizeof(value), "%s:/etc/resolv.conf %s:/etc/nsswitch.conf",
		       dropin->resolv_conf, dropin->nsswitch);
	add(printer, "BindReadOnlyPaths", value);
	add_inaccessible(dropin, printer);
	add_why(printer, "with one of these it could change or leave the namespace");
	add(printer, "CapabilityBoundingSet", "~CAP_NET_ADMIN CAP_SYS_ADMIN CAP_SYS_PTRACE");
	add(printer, "PrivateDevices", "yes");
	add_why(printer, "other families reach past the namespace; so do rings and keys");
	add_families(dropin, printer);
	add(printer, "SystemCallFilter",
	    "~@keyring io_uring_setup io_uring_enter io_uring_register");
	close_section(printer);
}

/* ---- a socket ---- */

static void print_socket(const struct dropin *dropin, const struct printer *printer)
{
	open_section(printer, "Socket", "socketConfig");
	add_why(printer, "it listens inside, and so do the connections that it hands over");
	add(printer, "NetworkNamespacePath", dropin->netns);
	close_section(printer);
}

/* ---- a container ---- */

/* The unit is in the namespace, and the container in its unit's: with a user namespace
 * of its own systemd-nspawn 252 may not join another one by --network-namespace-path.
 * Its resolv.conf is what systemd-nspawn takes for the host's: an own mount would be
 * forgotten where a .nspawn file has others.
 */
static void print_container(const struct dropin *dropin, const struct printer *printer)
{
	char value[VALUE_LEN];

	open_section(printer, "Service", "serviceConfig");
	add(printer, "NetworkNamespacePath", dropin->netns);
	(void)snprintf(value, sizeof(value), "%s:/etc/resolv.conf", dropin->resolv_conf);
	add(printer, "BindReadOnlyPaths", value);
	close_section(printer);
	if (printer->form == DROPIN_NIX)
		return;
	add_why(printer, "in a user namespace, its root is nobody's in the network namespace");
	add(printer, "ExecStart", "");
	add(printer, "ExecStart",
	    "systemd-nspawn --quiet --keep-unit --boot --link-journal=try-guest "
	    "--settings=override --private-users=pick --private-users-ownership=auto "
	    "--resolv-conf=bind-host --machine=%i");
}

/* NixOS starts its containers by a script of its own that takes flags. */
static void print_nix_container(const struct dropin *dropin, struct text *ret)
{
	size_t at = strcspn(dropin->unit, "@");
	const char *instance = dropin->unit[at] ? dropin->unit + at + 1 : dropin->unit;

	text_add(ret,
		 "containers.\"%.*s\".extraFlags = [\n"
		 "  \"--private-users=pick\"\n"
		 "  \"--resolv-conf=bind-host\"\n"
		 "];\n",
		 (int)strcspn(instance, "."), instance);
}

/* ---- all ---- */

static void print_settings(const struct dropin *dropin, const struct printer *printer)
{
	switch (dropin->kind) {
	case DROPIN_SERVICE:
		print_service(dropin, printer);
		break;
	case DROPIN_SOCKET:
		print_socket(dropin, printer);
		break;
	case DROPIN_CONTAINER:
		print_container(dropin, printer);
		break;
	case DROPIN_KINDS:
		break;
	}
}

void dropin_print(const struct dropin *dropin, enum dropin_form form, struct text *ret)
{
	const struct printer printer = {.form = form, .out = ret};
	const char *kind = dropin->kind == DROPIN_SOCKET ? "sockets" : "services";
	const char *dot = strrchr(dropin->unit, '.');

	if (form == DROPIN_UNIT)
		text_add(ret, DROPIN_MARK " %s %s; adit confine --undo takes it away\n",
			 dropin->unit, dropin->name);
	else
		text_add(ret, "systemd.%s.\"%.*s\" = {\n", kind, (int)(dot - dropin->unit),
			 dropin->unit);
	add_order(dropin, &printer);
	print_settings(dropin, &printer);
	if (form == DROPIN_NIX)
		text_add(ret, "};\n");
	if (form == DROPIN_NIX && dropin->kind == DROPIN_CONTAINER)
		print_nix_container(dropin, ret);
}
