/* SPDX-License-Identifier: MIT */
/* compiler.h - attributes that the compilers check for us, and three macros.
 *
 * The thread-safety words are clang's (-Wthread-safety); gcc ignores them.
 * They stand at declarations: what a lock guards, what a function needs.
 */
#ifndef BASE_COMPILER_H
#define BASE_COMPILER_H

#include <stddef.h>

#define PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define MUST_USE	  __attribute__((warn_unused_result))

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b)    ((a) < (b) ? (a) : (b))
#define MAX(a, b)    ((a) > (b) ? (a) : (b))

/* The struct that embeds `member` at `ptr`. */
#define CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

#if defined(__clang__)
#define CAPABILITY(name)     __attribute__((capability(name)))
#define ACQUIRES(...)	     __attribute__((acquire_capability(__VA_ARGS__)))
#define ACQUIRES_SHARED(...) __attribute__((acquire_shared_capability(__VA_ARGS__)))
#define RELEASES(...)	     __attribute__((release_capability(__VA_ARGS__)))
#define RELEASES_ANY(...)    __attribute__((release_generic_capability(__VA_ARGS__)))
#define REQUIRES(...)	     __attribute__((requires_capability(__VA_ARGS__)))
#define EXCLUDES(...)	     __attribute__((locks_excluded(__VA_ARGS__)))
#define NO_LOCK_ANALYSIS     __attribute__((no_thread_safety_analysis))
/* clang 14 cannot name a sibling member in C; it checks that some lock is held. */
#define GUARDED_BY(lock) __attribute__((guarded_var))
#else
#define CAPABILITY(name)
#define ACQUIRES(...)
#define ACQUIRES_SHARED(...)
#define RELEASES(...)
#define RELEASES_ANY(...)
#define REQUIRES(...)
#define EXCLUDES(...)
#define NO_LOCK_ANALYSIS
#define GUARDED_BY(lock)
#endif

#endif
