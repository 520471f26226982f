/* SPDX-License-Identifier: MIT */
/* xpath_lib.c - libxml2, loaded at first use and kept. */
#include "handlers/html/xpath_inside.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>

static struct xpath_lib lib;
static char lib_wrong[200]; /* why it cannot be had; written once, by lib_load() */

/* A data pointer that is a function's, as POSIX's dlsym() promises. */
static bool symbol_find(void *library, const char *name, void **ret)
{
	*ret = dlsym(library, name);
	if (!*ret)
		snprintf(lib_wrong, sizeof(lib_wrong), "libxml2 has no %s", name);
	return *ret != NULL;
}

static void error_ignore(void *ctx, const char *fmt, ...)
{
	(void)ctx;
	(void)fmt;
}

static void lib_load(void)
{
	void *library = dlopen("libxml2.so.2", RTLD_NOW | RTLD_LOCAL);

	if (!library) {
		snprintf(lib_wrong, sizeof(lib_wrong), "%s", dlerror());
		return;
	}
#define X(name)                                                                                    \
	if (!symbol_find(library, #name, (void **)&lib.name))                                      \
		return;
	XPATH_LIB_TABLE(X)
#undef X
#define X(symbol, name)                                                                            \
	if (!symbol_find(library, #symbol, (void **)&lib.text_functions[TEXT_##symbol]))           \
		return;
	XPATH_TEXT_FUNCTIONS(X)
#undef X
	lib.xmlInitParser();
	/* It would write to standard error: on this thread, and on those to come. */
	lib.xmlSetGenericErrorFunc(NULL, error_ignore);
	lib.xmlThrDefSetGenericErrorFunc(NULL, error_ignore);
}

const struct xpath_lib *xpath_lib_get(struct err *err)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, lib_load);
	if (lib_wrong[0]) {
		err_set(err, ERR_NOT_IMPLEMENTED, "XPath needs libxml2: %s", lib_wrong);
		return NULL;
	}
	return &lib;
}
