/* stamp.h - the hybrid logical time every change carries (DESIGN 3). */
#ifndef FY_CORE_STAMP_H
#define FY_CORE_STAMP_H

#include <pthread.h>

#include "common/core/clock.h"
#include "common/core/err.h"

/* time: 48 bits of milliseconds since 1970, 8 of counter, 8 of the slot of the process's lease row.
 * The zero stamp {0, ""} is below every other and means "never touched". */
struct fy_stamp {
    uint64_t time;
    char site[FY_SITE_BYTES_MAX + 1]; /* origin site */
};

/* <0, 0, >0: by time, ties by origin site id as bytes. */
int fy_stamp_compare(const struct fy_stamp *a, const struct fy_stamp *b);
static inline bool fy_stamp_is_zero(const struct fy_stamp *stamp)
{
    return stamp->time == 0;
}
static inline int64_t fy_stamp_ms(const struct fy_stamp *stamp)
{
    return (int64_t)(stamp->time >> 16);
}
/* Microseconds since 1970 of that time, the counter as the last three digits: greater for a greater
 * stamp of the same process, and a version's number. */
static inline int64_t fy_stamp_version(const struct fy_stamp *stamp)
{
    return fy_stamp_ms(stamp) * 1000 + (int64_t)(stamp->time >> 8 & 0xff);
}
/* "00018f3a5b6c0001@site-a": 16 lower-case hex digits, '@', origin site; "" for the zero stamp. */
void fy_stamp_print(const struct fy_stamp *stamp, char text[static FY_STAMP_TEXT_BYTES]);
/* FY_EINPUT for anything else than what fy_stamp_print writes for a stamp that is not zero. */
FY_MUST_CHECK enum fy_code fy_stamp_parse(const char *text, struct fy_stamp *stamp,
                                          struct fy_err *err);
/* The stamp of an order that no API accepted (DESIGN 3): the record's timestamp and its offset
 * modulo 2^16, origin from_site; the same at every redelivery. */
void fy_stamp_of_record(struct fy_stamp *stamp, int64_t timestamp_ms, int64_t offset,
                        const char *from_site);

/* The process's source of stamps. All its stamps have its slot in the low 8 bits, so two processes
 * of a site never give the same one. */
struct fy_hlc {
    struct fy_clock *clock;
    char site[FY_SITE_BYTES_MAX + 1];
    uint8_t slot;
    pthread_mutex_t mutex; /* guards last_time */
    uint64_t last_time;    /* greatest time given out; the next is above it */
};

/* start_time: the greatest time saved in the lease row plus one second (as time units), or 0. */
void fy_hlc_init(struct fy_hlc *hlc, struct fy_clock *clock, const char *site, uint8_t slot,
                 uint64_t start_time);
void fy_hlc_done(struct fy_hlc *hlc);
/* The least stamp of this process above now, above its last and above *floor (the row's stamp; NULL
 * for none). Never fails. Thread: any. */
struct fy_stamp fy_hlc_next(struct fy_hlc *hlc, const struct fy_stamp *floor);
/* Greatest time given out so far, to be saved in the lease row. Thread: any. */
uint64_t fy_hlc_last(struct fy_hlc *hlc);

#endif
