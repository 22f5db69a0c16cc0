/* export_name.c - names of the files of an export, checked letter by letter when they come back. */
#include "common/runtime/export_name.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_DIGITS 12
#define MS_DIGITS     13 /* until the year 2286 */
#define NUMBER_MAX    INT64_C(999999999999)
#define MS_MAX        INT64_C(9999999999999)
#define FULL          "full-"
#define CHANGES       "changes-"
#define SUFFIX        ".ndjson.zst"

static_assert(sizeof(FULL) + NUMBER_DIGITS + 1 + MS_DIGITS + 1 + FY_GUID_DIGITS + sizeof(SUFFIX) <=
                  FY_KEPT_NAME_BYTES_MAX + 1,
              "every name fits");

void fy_export_name_print(const struct fy_export_name *name,
                          char text[static FY_KEPT_NAME_BYTES_MAX + 1])
{
    const size_t room = FY_KEPT_NAME_BYTES_MAX + 1;
    FY_ASSERT(name->number >= 1);
    FY_ASSERT(name->number <= NUMBER_MAX);
    FY_ASSERT(name->at_ms >= 0);
    if (name->full)
        (void)snprintf(text, room, FULL "%0*" PRId64 "-%0*" PRId64 "-%s" SUFFIX, NUMBER_DIGITS,
                       name->number, MS_DIGITS, name->at_ms % (MS_MAX + 1), name->catalogue);
    else
        (void)snprintf(text, room, CHANGES "%0*" PRId64 "-%s" SUFFIX, NUMBER_DIGITS, name->number,
                       name->catalogue);
}

/* So many digits and a dash; *at moves behind them. */
static bool take_number(const char **at, size_t digits, int64_t *number)
{
    *number = 0;
    for (size_t i = 0; i < digits; i++) {
        if ((*at)[i] < '0' || (*at)[i] > '9')
            return false;
        *number = *number * 10 + ((*at)[i] - '0');
    }
    if ((*at)[digits] != '-')
        return false;
    *at += digits + 1;
    return true;
}

bool fy_export_name_parse(const char *text, struct fy_export_name *name)
{
    *name = (struct fy_export_name){.full = strncmp(text, FULL, strlen(FULL)) == 0};
    if (!name->full && strncmp(text, CHANGES, strlen(CHANGES)) != 0)
        return false;
    text += name->full ? strlen(FULL) : strlen(CHANGES);
    if (!take_number(&text, NUMBER_DIGITS, &name->number) || name->number < 1)
        return false;
    if (name->full && !take_number(&text, MS_DIGITS, &name->at_ms))
        return false;
    if (strspn(text, "0123456789abcdefghijklmnopqrstuv") != FY_GUID_DIGITS ||
        strcmp(text + FY_GUID_DIGITS, SUFFIX) != 0)
        return false;
    memcpy(name->catalogue, text, FY_GUID_DIGITS);
    return true;
}

static bool add(void *arg, const char *text, int64_t size)
{
    struct fy_export_list *list = arg;
    struct fy_export_name name;
    (void)size;
    if (!fy_export_name_parse(text, &name))
        return true; /* somebody else's */
    if (list->count == list->capacity) {
        list->capacity = 2 * list->capacity + 64;
        list->names = fy_realloc(list->names, list->capacity * sizeof(*list->names));
    }
    list->names[list->count++] = name;
    return true;
}

static int compare(const void *left, const void *right)
{
    const struct fy_export_name *a = left, *b = right;
    if (a->number != b->number)
        return a->number < b->number ? -1 : 1;
    return (int)b->full - (int)a->full;
}

enum fy_code fy_export_list_read(struct fy_store *store, struct fy_export_list *list,
                                 struct fy_err *err)
{
    enum fy_code code = fy_store_kept_list(store, add, list, err);
    if (code == FY_OK && list->count > 0)
        qsort(list->names, list->count, sizeof(*list->names), compare);
    return code;
}

void fy_export_list_done(struct fy_export_list *list)
{
    free(list->names);
    *list = (struct fy_export_list){0};
}

const struct fy_export_name *fy_export_list_full(const struct fy_export_list *list,
                                                 const char *catalogue)
{
    for (size_t i = list->count; i > 0; i--)
        if (list->names[i - 1].full && strcmp(list->names[i - 1].catalogue, catalogue) == 0)
            return &list->names[i - 1];
    return NULL;
}

const struct fy_export_name *fy_export_list_stranger(const struct fy_export_list *list,
                                                     const char *catalogue)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->names[i].catalogue, catalogue) != 0)
            return &list->names[i];
    return NULL;
}

bool fy_export_list_is_ahead(const struct fy_export_list *list, const struct fy_identity_row *own)
{
    return list->count > 0 && own->exported >= 0 &&
           list->names[list->count - 1].number > own->exported;
}
