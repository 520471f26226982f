/* SPDX-License-Identifier: MIT */
/* notify.h - telling systemd how we are (sd_notify(3)), without its library. */
#ifndef SERVICE_NOTIFY_H
#define SERVICE_NOTIFY_H

/* "READY=1", "STOPPING=1"; nothing happens outside systemd. */
void notify(const char *state);

#endif
