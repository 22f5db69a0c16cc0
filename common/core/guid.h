/* guid.h - CCS's 26-character ids (spec 2.3), for opId, object id and request ids. */
#ifndef FY_CORE_GUID_H
#define FY_CORE_GUID_H

#include "common/core/clock.h"

#define FY_GUID_DIGITS 26

/* A new one: 16 bytes (time in ms little-endian, version 1, 6 random bytes of this process, a
 * counter), base32hex. Never fails. Thread: any. */
void fy_guid_new(struct fy_clock *clock, char text[static FY_GUID_DIGITS + 1]);

#endif
