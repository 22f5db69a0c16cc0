/* stamp.c - stamps as values and text, and the process's source of them. */
#include "common/core/stamp.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/core/names.h"

#define STAMP_TIME_DIGITS 16
#define STAMP_MS_MAX      ((INT64_C(1) << 48) - 1)
/* One step of the counter: the slot in the low 8 bits stays as it is. */
#define STAMP_STEP UINT64_C(0x100)

int fy_stamp_compare(const struct fy_stamp *a, const struct fy_stamp *b)
{
    if (a->time != b->time)
        return a->time < b->time ? -1 : 1;
    return strcmp(a->site, b->site);
}

void fy_stamp_print(const struct fy_stamp *stamp, char text[static FY_STAMP_TEXT_BYTES])
{
    if (fy_stamp_is_zero(stamp)) {
        text[0] = '\0';
        return;
    }
    int used = snprintf(text, FY_STAMP_TEXT_BYTES, "%016" PRIx64 "@%.*s", stamp->time,
                        FY_SITE_BYTES_MAX, stamp->site);
    FY_ASSERT(used < FY_STAMP_TEXT_BYTES);
}

static bool parse_time(const char *text, uint64_t *time)
{
    uint64_t value = 0;
    for (int i = 0; i < STAMP_TIME_DIGITS; i++) {
        char c = text[i];
        unsigned digit;
        if (c >= '0' && c <= '9')
            digit = (unsigned)(c - '0');
        else if (c >= 'a' && c <= 'f')
            digit = (unsigned)(c - 'a') + 10;
        else
            return false;
        value = value << 4 | digit;
    }
    *time = value;
    return value != 0;
}

enum fy_code fy_stamp_parse(const char *text, struct fy_stamp *stamp, struct fy_err *err)
{
    struct fy_stamp parsed = {0};
    if (!parse_time(text, &parsed.time) || text[STAMP_TIME_DIGITS] != '@')
        return fy_err_set(err, FY_EINPUT,
                          "a stamp is 16 lower-case hexadecimal digits, not all zero, '@' and a "
                          "site, not '%.100s'",
                          text);
    const char *site = text + STAMP_TIME_DIGITS + 1;
    if (!fy_site_is_valid(site))
        return fy_err_set(err, FY_EINPUT, "the stamp '%.100s' names no valid site", text);
    bool fits = fy_text_copy(parsed.site, sizeof(parsed.site), site);
    FY_ASSERT(fits); /* a valid site does */
    *stamp = parsed;
    return FY_OK;
}

void fy_stamp_of_record(struct fy_stamp *stamp, int64_t timestamp_ms, int64_t offset,
                        const char *from_site)
{
    /* Brokers give -1 for "no timestamp"; a stamp must stay above the zero stamp. */
    int64_t ms = timestamp_ms < 1 ? 1 : timestamp_ms;
    if (ms > STAMP_MS_MAX)
        ms = STAMP_MS_MAX;
    struct fy_stamp made = {.time = (uint64_t)ms << 16 | ((uint64_t)offset & 0xffff)};
    bool fits = fy_text_copy(made.site, sizeof(made.site), from_site);
    FY_ASSERT(fits);
    *stamp = made;
}

void fy_hlc_init(struct fy_hlc *hlc, struct fy_clock *clock, const char *site, uint8_t slot,
                 uint64_t start_time)
{
    FY_ASSERT(fy_site_is_valid(site));
    *hlc = (struct fy_hlc){.clock = clock, .slot = slot, .last_time = start_time};
    bool fits = fy_text_copy(hlc->site, sizeof(hlc->site), site);
    FY_ASSERT(fits);
    int answer = pthread_mutex_init(&hlc->mutex, NULL);
    FY_ASSERT(answer == 0);
}

void fy_hlc_done(struct fy_hlc *hlc)
{
    int answer = pthread_mutex_destroy(&hlc->mutex);
    FY_ASSERT(answer == 0);
}

static void hlc_lock(struct fy_hlc *hlc)
{
    int answer = pthread_mutex_lock(&hlc->mutex);
    FY_ASSERT(answer == 0);
}

static void hlc_unlock(struct fy_hlc *hlc)
{
    int answer = pthread_mutex_unlock(&hlc->mutex);
    FY_ASSERT(answer == 0);
}

/* The least time above `below` that ends in the slot. */
static uint64_t time_above(uint64_t below, uint8_t slot)
{
    /* Stamps far ahead are refused at every door, so the 48 bits of time last for ages. */
    FY_ASSERT(below <= UINT64_MAX - STAMP_STEP);
    uint64_t time = (below & ~(STAMP_STEP - 1)) | slot;
    return time > below ? time : time + STAMP_STEP;
}

struct fy_stamp fy_hlc_next(struct fy_hlc *hlc, const struct fy_stamp *floor)
{
    int64_t now_ms = fy_wall_ms(hlc->clock);
    uint64_t below = now_ms > 0 ? (uint64_t)now_ms << 16 : 0;
    if (floor != NULL && floor->time > below)
        below = floor->time;

    struct fy_stamp stamp = {0};
    memcpy(stamp.site, hlc->site, sizeof(stamp.site));
    hlc_lock(hlc);
    stamp.time = time_above(below > hlc->last_time ? below : hlc->last_time, hlc->slot);
    FY_ASSERT(stamp.time > hlc->last_time);
    hlc->last_time = stamp.time;
    hlc_unlock(hlc);
    return stamp;
}

uint64_t fy_hlc_last(struct fy_hlc *hlc)
{
    hlc_lock(hlc);
    uint64_t last_time = hlc->last_time;
    hlc_unlock(hlc);
    return last_time;
}
