/* clock.c - the machine's clocks, and instants as text. */
#include "common/core/clock.h"

#include <stdio.h>
#include <time.h>

#define MS_PER_DAY (24LL * 3600 * 1000)

static int64_t read_ms(clockid_t id)
{
    struct timespec now;
    int answer = clock_gettime(id, &now);
    FY_ASSERT(answer == 0);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t system_wall_ms(struct fy_clock *port)
{
    (void)port;
    return read_ms(CLOCK_REALTIME);
}

static int64_t system_mono_ms(struct fy_clock *port)
{
    (void)port;
    return read_ms(CLOCK_MONOTONIC);
}

struct fy_clock *fy_clock_system(void)
{
    static struct fy_clock clock = {.wall_ms = system_wall_ms, .mono_ms = system_mono_ms};
    return &clock;
}

/* Days since 1970-01-01 of a proleptic Gregorian date, and back. A year is counted from March, so
 * that the leap day is its last; 400 years (an era) always have 146097 days. */
static int64_t days_of_date(int64_t year, int64_t month, int64_t day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

static void date_of_days(int64_t days, int64_t *year, int *month, int *day)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t day_of_era = days - era * 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month_from_march = (5 * day_of_year + 2) / 153;
    *day = (int)(day_of_year - (153 * month_from_march + 2) / 5 + 1);
    *month = (int)(month_from_march < 10 ? month_from_march + 3 : month_from_march - 9);
    *year = year_of_era + era * 400 + (*month <= 2);
}

void fy_instant_print(int64_t wall_ms, char text[static FY_INSTANT_BYTES])
{
    int64_t days = wall_ms / MS_PER_DAY;
    int64_t rest = wall_ms % MS_PER_DAY;
    if (rest < 0) {
        rest += MS_PER_DAY;
        days--;
    }
    int64_t year;
    int month;
    int day;
    date_of_days(days, &year, &month, &day);

    int seconds = (int)(rest / 1000);
    int ms = (int)(rest % 1000);
    int used = snprintf(text, FY_INSTANT_BYTES, "%04lld-%02d-%02dT%02d:%02d:%02d", (long long)year,
                        month, day, seconds / 3600, seconds / 60 % 60, seconds % 60);
    FY_ASSERT(used > 0);
    FY_ASSERT(used + (int)sizeof(".000Z") <= FY_INSTANT_BYTES); /* also for the ends of int64_t */
    size_t left = FY_INSTANT_BYTES - (size_t)used;
    if (ms == 0)
        (void)snprintf(text + used, left, "Z");
    else
        (void)snprintf(text + used, left, ".%03dZ", ms);
}

/* Takes exactly `digits` digits. */
static bool take_number(const char **text, int digits, int *number)
{
    int value = 0;
    for (int i = 0; i < digits; i++) {
        char c = (*text)[i];
        if (c < '0' || c > '9')
            return false;
        value = value * 10 + (c - '0');
    }
    *text += digits;
    *number = value;
    return true;
}

static bool take_char(const char **text, char wanted)
{
    if (**text != wanted)
        return false;
    (*text)++;
    return true;
}

static int month_days(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap ? 1 : 0);
}

static bool take_date(const char **text, int64_t *days)
{
    int year;
    int month;
    int day;
    if (!take_number(text, 4, &year) || !take_char(text, '-') || !take_number(text, 2, &month) ||
        !take_char(text, '-') || !take_number(text, 2, &day))
        return false;
    if (month < 1 || month > 12 || day < 1 || day > month_days(year, month))
        return false;
    *days = days_of_date(year, month, day);
    return true;
}

static bool take_time(const char **text, int64_t *ms)
{
    int hour;
    int minute;
    int second;
    if (!take_number(text, 2, &hour) || !take_char(text, ':') || !take_number(text, 2, &minute) ||
        !take_char(text, ':') || !take_number(text, 2, &second))
        return false;
    if (hour > 23 || minute > 59 || second > 59)
        return false;
    *ms = ((hour * 60LL + minute) * 60 + second) * 1000;
    return true;
}

/* A point and 1-9 digits, or nothing; what is finer than a millisecond is cut. */
static bool take_fraction(const char **text, int64_t *ms)
{
    *ms = 0;
    if (!take_char(text, '.'))
        return true;
    int count = 0;
    int64_t scale = 100;
    for (; **text >= '0' && **text <= '9'; (*text)++, count++) {
        *ms += (**text - '0') * scale;
        scale /= 10;
    }
    return count >= 1 && count <= 9;
}

static bool take_zone(const char **text, int64_t *offset_ms)
{
    *offset_ms = 0;
    if (take_char(text, 'Z'))
        return true;
    int sign = **text == '+' ? 1 : -1;
    if (!take_char(text, '+') && !take_char(text, '-'))
        return false;
    int hour;
    int minute;
    if (!take_number(text, 2, &hour) || !take_char(text, ':') || !take_number(text, 2, &minute))
        return false;
    if (hour > 18 || minute > 59) /* zones reach to 18 hours, as in java.time */
        return false;
    *offset_ms = sign * (hour * 60LL + minute) * 60 * 1000;
    return true;
}

enum fy_code fy_instant_parse(const char *text, int64_t *wall_ms)
{
    int64_t days;
    int64_t time_ms;
    int64_t fraction_ms;
    int64_t offset_ms;
    if (!take_date(&text, &days) || !take_char(&text, 'T') || !take_time(&text, &time_ms) ||
        !take_fraction(&text, &fraction_ms) || !take_zone(&text, &offset_ms) || *text != '\0')
        return FY_EINPUT;
    /* A zone can carry an instant out of the years that four digits name; printed, nobody would
     * read it again. */
    int64_t ms = days * MS_PER_DAY + time_ms + fraction_ms - offset_ms;
    if (ms < days_of_date(0, 1, 1) * MS_PER_DAY || ms >= days_of_date(10000, 1, 1) * MS_PER_DAY)
        return FY_EINPUT;
    *wall_ms = ms;
    return FY_OK;
}
