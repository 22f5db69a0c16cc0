/* done_map.h - which offsets above a committed one are done: a text kept beside the offset. */
/*
 * An offset alone says that all below it is done. One order that takes long keeps it where it is
 * while thousands above are done, so that whoever reads only the offset sees a queue that stands
 * still. The map tells what is truly left. It is a hint for figures, never for what is to be done:
 * others may have moved the offset without it, or have kept anything beside it.
 *
 * "F1." and base64url (RFC 4648, 5; no padding) of: version 1, generation, base, done_end - base,
 * then for each incomplete offset its distance to the one before, less one (for the first: to
 * base); numbers are varints, seven bits a byte, the lowest first; CRC-32 of all before, four
 * bytes, the lowest first.
 */
#ifndef FY_CORE_DONE_MAP_H
#define FY_CORE_DONE_MAP_H

#include "common/core/base.h"

struct fy_done_map {
    uint32_t generation; /* of the assignment that it is of; for people */
    int64_t base;        /* what is committed: all below is done */
    int64_t done_end; /* of what is here or above it nothing is said; base: the map says nothing */
    size_t incomplete_count;
    int64_t incomplete[FY_INCOMPLETES_MAX]; /* those not done in [base, done_end), rising */
};

/* Writes the map, zero-terminated. One that is too long says less: its done_end is lowered until
 * it fits, and what it says stays true. Thread: any. */
void fy_done_map_write(const struct fy_done_map *map,
                       char text[static FY_COMMIT_TEXT_BYTES_MAX + 1]);

/* Reads a text that stood beside the committed offset. false: it is no map, or one of another
 * offset; *map is undefined then. text: zero-terminated, borrowed, any bytes. Thread: any. */
FY_MUST_CHECK bool fy_done_map_read(const char *text, int64_t committed, struct fy_done_map *map);

/* Offsets that are not done below end, the one that the next record will get. */
int64_t fy_done_map_left(const struct fy_done_map *map, int64_t end);

#endif
