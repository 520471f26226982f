/* SPDX-License-Identifier: MIT */
/* version.h - what this is called, once. */
#ifndef SERVICE_VERSION_H
#define SERVICE_VERSION_H

#define JOBMILL_VERSION "0.1.0"

#endif
