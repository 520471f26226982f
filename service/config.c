/* SPDX-License-Identifier: MIT */
/* config.c - one table of settings, four places to set them.
 *
 * Each place is read in the order of its strength, weakest first; a setting of a
 * stronger place replaces what a weaker one said (lists are replaced whole).
 */
#include "service/config.h"

#include "base/limits.h"
#include "base/mistakes.h"
#include "base/units.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum kind { KIND_TEXT, KIND_LIST, KIND_INT, KIND_SIZE, KIND_DURATION, KIND_CHOICE, KIND_SWITCH };

enum source { SOURCE_DEFAULT, SOURCE_FILE, SOURCE_ENVIRONMENT, SOURCE_FLAG };

static const char *const source_names[] = {"default", "file", "environment", "flag"};
static const char *const levels[] = {"debug", "info", "warn", "error", NULL};
static const char *const formats[] = {"logfmt", "json", NULL};

struct setting {
	const char *name;
	enum kind kind;
	size_t offset; /* in struct config */
	const char *preset, *argument, *help;
	int64_t min, max;
	const char *const *choices;
};

#define AT(member) offsetof(struct config, member)

/* clang-format off */
static const struct setting settings[] = {
	{"listen", KIND_TEXT, AT(listen), "127.0.0.1:8080", "ADDRESS:PORT",
	 "where to listen; port 0 picks a free one", 0, 0, NULL},
	{"data", KIND_TEXT, AT(data), "jobmill-data", "DIR",
	 "the data directory; made when it is absent", 0, 0, NULL},
	{"token-file", KIND_TEXT, AT(token_file), NULL, "FILE",
	 "bearer tokens, one a line; required off loopback (made when absent)", 0, 0, NULL},
	{"allow-net", KIND_LIST, AT(allow_net), NULL, "CIDR",
	 "addresses that jobs may fetch from though they are not public; repeatable", 0, 0, NULL},
	{"ca-file", KIND_TEXT, AT(ca_file), NULL, "FILE",
	 "certificate authorities that fetches believe, instead of the system's", 0, 0, NULL},
	{"allow-insecure-tls", KIND_SWITCH, AT(allow_insecure_tls), NULL, NULL,
	 "let requests switch off the verification of certificates", 0, 0, NULL},
	{"allow-host", KIND_LIST, AT(allow_host), NULL, "NAME",
	 "a further Host header to answer to; repeatable", 0, 0, NULL},
	{"workers-min", KIND_INT, AT(workers_min), "1", "N",
	 "the fewest pool threads", 1, POOL_WORKERS_MAX, NULL},
	{"workers-max", KIND_INT, AT(workers_max), "128", "N",
	 "the most pool threads; only jobs that block need more than there are CPUs", 1,
	 POOL_WORKERS_MAX, NULL},
	{"active-max", KIND_INT, AT(active_max), "1024", "N",
	 "jobs running at once", 1, 100000, NULL},
	{"queued-max", KIND_INT, AT(queued_max), "2000000", "N",
	 "jobs that are not final; more are refused with 429", 1, 1000000000, NULL},
	{"fetch-max", KIND_INT, AT(fetch_max), "292", "N",
	 "transfers under way at once, over all jobs", 1, 10000, NULL},
	{"cache-max", KIND_SIZE, AT(cache_bytes_max), "1GB", "SIZE",
	 "what pages that jobs want cached may take of the disk", 1 << 20, 1LL << 50, NULL},
	{"files", KIND_LIST, AT(files), NULL, "NAME=PATH",
	 "a folder that jobs and clients may read as files below NAME/; repeatable", 0, 0, NULL},
	{"files-quota", KIND_SIZE, AT(files_quota_bytes), "0B", "SIZE",
	 "what uploaded files may take of the disk; 0B: all but a floor", 0, 1LL << 50, NULL},
	{"memory", KIND_SIZE, AT(memory_bytes), "1GB", "SIZE",
	 "what running jobs may reserve together", 1 << 20, 1LL << 50, NULL},
	{"connections-max", KIND_INT, AT(connections_max), "12000", "N",
	 "HTTP connections in all", 8, 100000, NULL},
	{"connections-per-address", KIND_INT, AT(connections_per_address_max), "12000", "N",
	 "HTTP connections from one address", 1, 100000, NULL},
	{"http-threads", KIND_INT, AT(http_threads), "0", "N",
	 "HTTP threads; 0: one for each CPU, at least two", 0, 64, NULL},
	{"drain-timeout", KIND_DURATION, AT(drain_timeout_ms), "8s", "TIME",
	 "how long SIGTERM lets running jobs finish their steps", 0, 3600 * 1000, NULL},
	{"log-level", KIND_CHOICE, AT(log_level), "info", "LEVEL",
	 "debug, info, warn or error", 0, 0, levels},
	{"log-format", KIND_CHOICE, AT(log_format), "logfmt", "FORMAT",
	 "logfmt or json", 0, 0, formats},
	{"config", KIND_TEXT, AT(file), NULL, "FILE",
	 "a file of settings, `name = value` a line", 0, 0, NULL},
	{"check-config", KIND_SWITCH, AT(check_only), NULL, NULL,
	 "print each setting and where it came from, then exit", 0, 0, NULL},
};
/* clang-format on */

enum { SETTINGS = ARRAY_LEN(settings), FILE_LINE_MAX = 4096 };

/* Where each value came from, for config_print: one config a process. */
static enum source sources[SETTINGS];

static void *setting_at(const struct setting *setting, struct config *config)
{
	return (char *)config + setting->offset;
}

static const struct setting *setting_find(const char *name, size_t len)
{
	for (size_t i = 0; i < SETTINGS; i++)
		if (strlen(settings[i].name) == len && strncmp(settings[i].name, name, len) == 0)
			return &settings[i];
	return NULL;
}

/* `dashes`: "--" of a flag, "" of a line in the file. */
static int unknown(const char *dashes, const char *name, size_t len, struct err *err)
{
	const char *names[SETTINGS + 1];
	char copy[64];
	const char *nearest;

	for (size_t i = 0; i < SETTINGS; i++)
		names[i] = settings[i].name;
	names[SETTINGS] = NULL;
	snprintf(copy, sizeof(copy), "%.*s", (int)MIN(len, sizeof(copy) - 1), name);
	nearest = nearest_name(copy, names);
	if (!nearest)
		return err_set(err, ERR_BAD_PARAMETER, "unknown setting '%s%s'", dashes, copy);
	return err_set(err, ERR_BAD_PARAMETER, "unknown setting '%s%s'; did you mean '%s%s'?",
		       dashes, copy, dashes, nearest);
}

/* ---- setting one value ---- */

static int list_add(struct config_list *list, const char *value, struct err *err)
{
	if (list->count == CONFIG_LIST_MAX)
		return err_set(err, ERR_BAD_PARAMETER, "at most %d values", CONFIG_LIST_MAX);
	list->items[list->count] = strdup(value);
	if (!list->items[list->count])
		return err_set(err, ERR_NO_MEMORY, "no memory");
	list->count++;
	return 0;
}

static void list_clear(struct config_list *list)
{
	for (unsigned i = 0; i < list->count; i++)
		free(list->items[i]);
	*list = (struct config_list){0};
}

static int int_parse(const char *value, int64_t *ret, struct err *err)
{
	char *end;

	errno = 0;
	*ret = strtoll(value, &end, 10);
	if (errno || end == value || *end != '\0')
		return err_set(err, ERR_BAD_PARAMETER, "'%s' is not a whole number", value);
	return 0;
}

static int choice_parse(const struct setting *setting, const char *value, int64_t *ret,
			struct err *err)
{
	for (*ret = 0; setting->choices[*ret]; (*ret)++)
		if (strcmp(setting->choices[*ret], value) == 0)
			return 0;
	return err_set(err, ERR_BAD_PARAMETER, "'%s' is not one of %s", value, setting->help);
}

static int number_set(const struct setting *setting, const char *value, int64_t *into,
		      struct err *err)
{
	int64_t number;
	int rc;

	if (setting->kind == KIND_INT)
		rc = int_parse(value, &number, err);
	else if (setting->kind == KIND_SIZE)
		rc = size_parse(value, &number, err);
	else if (setting->kind == KIND_DURATION)
		rc = duration_parse(value, &number, err);
	else
		rc = choice_parse(setting, value, &number, err);
	if (rc)
		return -1;
	if (setting->kind != KIND_CHOICE && (number < setting->min || number > setting->max))
		return err_set(err, ERR_BAD_PARAMETER, "%s is not between %lld and %lld", value,
			       (long long)setting->min, (long long)setting->max);
	*into = number;
	return 0;
}

static int text_set(char **into, const char *value, struct err *err)
{
	char *copy = strdup(value);

	if (!copy)
		return err_set(err, ERR_NO_MEMORY, "no memory");
	free(*into);
	*into = copy;
	return 0;
}

static int setting_set(const struct setting *setting, const char *value, enum source source,
		       struct config *config, struct err *err)
{
	enum source *before = &sources[setting - settings];
	void *at = setting_at(setting, config);
	int rc = 0;

	if (setting->kind == KIND_TEXT) {
		rc = text_set(at, value, err);
	} else if (setting->kind == KIND_LIST) {
		if (*before < source)
			list_clear(at);
		rc = list_add(at, value, err);
	} else if (setting->kind == KIND_SWITCH) {
		*(bool *)at = true;
	} else {
		rc = number_set(setting, value, at, err);
	}
	*before = source;
	if (rc)
		return err_wrap(err, "%s (%s)", setting->name, source_names[source]);
	return 0;
}

/* A list in one text: commas between its items. */
static int setting_set_joined(const struct setting *setting, const char *value, enum source source,
			      struct config *config, struct err *err)
{
	char item[FILE_LINE_MAX];

	if (setting->kind != KIND_LIST)
		return setting_set(setting, value, source, config, err);
	while (*value) {
		size_t len = strcspn(value, ", ");

		if (len > 0 && len < sizeof(item)) {
			memcpy(item, value, len);
			item[len] = '\0';
			if (setting_set(setting, item, source, config, err))
				return -1;
		}
		value += len;
		value += strspn(value, ", ");
	}
	return 0;
}

/* ---- the four places ---- */

static int defaults_read(struct config *config, struct err *err)
{
	for (size_t i = 0; i < SETTINGS; i++)
		if (settings[i].preset &&
		    setting_set(&settings[i], settings[i].preset, SOURCE_DEFAULT, config, err))
			return -1;
	return 0;
}

static char *trimmed(char *text)
{
	char *end = text + strlen(text);

	while (isspace((unsigned char)*text))
		text++;
	while (end > text && isspace((unsigned char)end[-1]))
		*--end = '\0';
	return text;
}

static int file_line_read(char *line, struct config *config, struct err *err)
{
	const struct setting *setting;
	char *value = strchr(line, '=');
	char *name;

	if (value)
		*value++ = '\0';
	name = trimmed(line);
	if (*name == '\0' && !value)
		return 0;
	if (!value)
		return err_set(err, ERR_BAD_PARAMETER, "expected `name = value`");
	setting = setting_find(name, strlen(name));
	if (!setting || setting->kind == KIND_SWITCH || setting->offset == AT(file))
		return unknown("", name, strlen(name), err);
	return setting_set_joined(setting, trimmed(value), SOURCE_FILE, config, err);
}

static int file_read(const char *path, struct config *config, struct err *err)
{
	FILE *file = fopen(path, "re");
	char line[FILE_LINE_MAX];
	int number = 0, rc = 0;

	if (!file)
		return err_set_errno(err, ERR_BAD_PARAMETER, errno, "config file %s", path);
	while (rc == 0 && fgets(line, sizeof(line), file)) {
		number++;
		line[strcspn(line, "#\n")] = '\0';
		if (file_line_read(line, config, err))
			rc = err_wrap(err, "%s:%d", path, number);
	}
	fclose(file);
	return rc;
}

static int environment_read(struct config *config, struct err *err)
{
	for (size_t i = 0; i < SETTINGS; i++) {
		char name[64];
		const char *value;

		snprintf(name, sizeof(name), "JOBMILL_%s", settings[i].name);
		for (char *at = name; *at; at++)
			*at = *at == '-' ? '_' : (char)toupper((unsigned char)*at);
		value = settings[i].kind == KIND_SWITCH ? NULL : getenv(name);
		if (value &&
		    setting_set_joined(&settings[i], value, SOURCE_ENVIRONMENT, config, err))
			return err_wrap(err, "%s", name);
	}
	return 0;
}

/* --name value, --name=value, --switch; *i moves to the last word taken. */
static int flag_read(int argc, const char *const argv[], int *i, struct config *config,
		     struct err *err)
{
	const char *flag = argv[*i];
	const struct setting *setting;
	const char *value;
	size_t len;

	if (strncmp(flag, "--", 2) != 0)
		return err_set(err, ERR_BAD_PARAMETER, "expected a flag, found '%s'", flag);
	flag += 2;
	len = strcspn(flag, "=");
	setting = setting_find(flag, len);
	if (!setting)
		return unknown("--", flag, len, err);
	value = flag[len] == '=' ? flag + len + 1 : NULL;
	if (setting->kind == KIND_SWITCH) {
		if (value)
			return err_set(err, ERR_BAD_PARAMETER, "--%s takes no value",
				       setting->name);
		return setting_set(setting, "", SOURCE_FLAG, config, err);
	}
	if (!value) {
		if (*i + 1 >= argc)
			return err_set(err, ERR_BAD_PARAMETER, "--%s needs %s", setting->name,
				       setting->argument);
		value = argv[++*i];
	}
	return setting_set(setting, value, SOURCE_FLAG, config, err);
}

static int flags_read(int argc, const char *const argv[], struct config *config, struct err *err)
{
	for (int i = 0; i < argc; i++)
		if (flag_read(argc, argv, &i, config, err))
			return -1;
	return 0;
}

int config_load(int argc, const char *const argv[], struct config *ret_config, struct err *err)
{
	struct config named = {0};
	int rc;

	memset(sources, 0, sizeof(sources));
	memset(ret_config, 0, sizeof(*ret_config));
	/* The file's name comes from stronger places than the file itself. */
	rc = environment_read(&named, err) || flags_read(argc, argv, &named, err) ? -1 : 0;
	memset(sources, 0, sizeof(sources));
	if (rc == 0 &&
	    (defaults_read(ret_config, err) ||
	     (named.file && file_read(named.file, ret_config, err)) ||
	     environment_read(ret_config, err) || flags_read(argc, argv, ret_config, err)))
		rc = -1;
	config_done(&named);
	if (rc)
		config_done(ret_config);
	return rc;
}

void config_done(struct config *config)
{
	for (size_t i = 0; i < SETTINGS; i++) {
		void *at = setting_at(&settings[i], config);

		if (settings[i].kind == KIND_TEXT) {
			free(*(char **)at);
			*(char **)at = NULL;
		} else if (settings[i].kind == KIND_LIST) {
			list_clear(at);
		}
	}
}

/* ---- showing ---- */

static void value_print(const struct setting *setting, const void *at, struct buf *into)
{
	const struct config_list *list = at;

	switch (setting->kind) {
	case KIND_TEXT:
		buf_add_text(into, *(char *const *)at ? *(char *const *)at : "(none)");
		break;
	case KIND_LIST:
		for (unsigned i = 0; i < list->count; i++)
			buf_printf(into, "%s%s", i ? "," : "", list->items[i]);
		if (list->count == 0)
			buf_add_text(into, "(none)");
		break;
	case KIND_CHOICE:
		buf_add_text(into, setting->choices[*(const int64_t *)at]);
		break;
	case KIND_SWITCH:
		buf_add_text(into, *(const bool *)at ? "on" : "off");
		break;
	case KIND_DURATION:
		buf_printf(into, "%lldms", (long long)*(const int64_t *)at);
		break;
	default:
		buf_add_int(into, *(const int64_t *)at);
		break;
	}
}

void config_print(const struct config *config, struct buf *into)
{
	for (size_t i = 0; i < SETTINGS; i++) {
		if (settings[i].offset == AT(check_only))
			continue;
		buf_printf(into, "%-24s ", settings[i].name);
		value_print(&settings[i], (const char *)config + settings[i].offset, into);
		buf_printf(into, "  (%s)\n", source_names[sources[i]]);
	}
}

void config_help(struct buf *into)
{
	for (size_t i = 0; i < SETTINGS; i++) {
		char flag[64];

		snprintf(flag, sizeof(flag), "--%s %s", settings[i].name,
			 settings[i].argument ? settings[i].argument : "");
		buf_printf(into, "  %-34s %s%s%s%s\n", flag, settings[i].help,
			   settings[i].preset ? " [" : "",
			   settings[i].preset ? settings[i].preset : "",
			   settings[i].preset ? "]" : "");
	}
}
