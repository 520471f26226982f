/* SPDX-License-Identifier: MIT */
/* sitemap_read.h - the inside of sitemap.h: decoded bytes go to one of two readers.
 *
 *   sitemap_push ─▶ (gunzip) ─▶ sitemap_xml_push or text lines ─▶ sitemap_tell
 */
#ifndef NET_SITEMAP_READ_H
#define NET_SITEMAP_READ_H

#include "base/err.h"
#include "net/sitemap.h"

struct sitemap;
struct sitemap_xml;

/* An entry for found(); the URL is trimmed here.  -1: the file ends with sitemap_fail(). */
int sitemap_tell(struct sitemap *sitemap, struct sitemap_entry *entry);
/* Nothing more is wanted. */
bool sitemap_has_enough(const struct sitemap *sitemap);
/* Remembers the first mistake; -1. */
int sitemap_fail(struct sitemap *sitemap, enum err_code code, const char *fmt, ...) PRINTF(3, 4);

struct sitemap_xml *sitemap_xml_new(struct sitemap *sitemap); /* NULL: no memory */
void sitemap_xml_free(struct sitemap_xml *xml);
int sitemap_xml_push(struct sitemap_xml *xml, const char *bytes, size_t len, bool last);

#endif
