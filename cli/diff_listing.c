/* diff_listing.c - what the clients of a CCS site are told is in a bucket, as a side of `ferry
 * diff`. */
/*
 * CCS's Replicator lists nothing to other sites; its Accessor does to clients (spec 6.4), one
 * object a line and in no order. So it is read whole and sorted here, which bounds how many there
 * may be.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/diff.h"
#include "common/adapters/diff_json.h"
#include "common/adapters/unicode_utf8proc.h"
#include "common/core/names.h"

#define HEADER_PREFIX "x-clonecloudstore-namePrefix: "
#define ROWS_FIRST    1024

struct listed {
    size_t name, hash; /* where their texts begin */
    int64_t size, changed_ms;
    bool ready;
    bool own; /* of the site asked: a database may hold rows of several */
};
struct fy_diff_listing {
    const struct fy_diff_site *site;
    struct fy_buf line, texts;
    struct listed *rows;
    size_t count, capacity;
    bool refused; /* it is no listing, or too long: asking again would not help */
};

static const char *text_at(const struct fy_diff_listing *listing, size_t at)
{
    return listing->texts.bytes + at;
}

/* ---- reading it */

static size_t keep_text(struct fy_diff_listing *listing, const char *text)
{
    size_t at = listing->texts.size_bytes;
    fy_buf_add(&listing->texts, text, strlen(text) + 1);
    return at;
}

static void keep_row(struct fy_diff_listing *listing, const struct fy_diff_row *row, bool own)
{
    if (listing->count == listing->capacity) {
        listing->capacity = listing->capacity > 0 ? 2 * listing->capacity : ROWS_FIRST;
        listing->rows = fy_realloc(listing->rows, listing->capacity * sizeof(*listing->rows));
    }
    listing->rows[listing->count++] = (struct listed){.name = keep_text(listing, row->name),
                                                      .hash = keep_text(listing, row->hash),
                                                      .size = row->size,
                                                      .changed_ms = row->changed_ms,
                                                      .ready = row->ready,
                                                      .own = own};
}

static enum fy_code take_line(struct fy_diff_listing *listing, struct fy_err *err)
{
    struct fy_diff_row row;
    char site[FY_SITE_BYTES_MAX + 1];
    const char *prefix = listing->site->subject->word.name;
    if (listing->line.overflow)
        return fy_err_set(err, FY_EPEER, "a line of its listing is over %d bytes",
                          FY_LINE_BYTES_MAX);
    const char *bytes = listing->line.bytes != NULL ? listing->line.bytes : "";
    enum fy_code code = fy_diff_json_listed(bytes, listing->line.size_bytes, &row, site, err);
    fy_buf_clear(&listing->line);
    if (code != FY_OK)
        return code;
    if (strncmp(row.name, prefix, strlen(prefix)) != 0)
        return FY_OK;
    if (listing->count < FY_DIFF_LISTED_MAX)
        keep_row(listing, &row, strcmp(site, listing->site->id) == 0);
    else
        listing->texts.overflow = true;
    if (listing->texts.overflow)
        return fy_err_set(
            err, FY_ETOOBIG,
            "it lists more than %d objects, or names of %d MiB: compare BUCKET/PREFIX",
            FY_DIFF_LISTED_MAX, FY_DIFF_LISTED_BYTES_MAX >> 20);
    return FY_OK;
}

static enum fy_code on_write(void *arg, const void *bytes, size_t size_bytes, struct fy_err *err)
{
    struct fy_diff_listing *listing = arg;
    const char *text = bytes;
    while (size_bytes > 0) {
        const char *end = memchr(text, '\n', size_bytes);
        size_t taken = end != NULL ? (size_t)(end - text) : size_bytes;
        fy_buf_add(&listing->line, text, taken);
        if (end != NULL && take_line(listing, err) != FY_OK) {
            listing->refused = true;
            return err->code;
        }
        taken += end != NULL;
        text += taken;
        size_bytes -= taken;
    }
    return FY_OK;
}

static void forget(struct fy_diff_listing *listing)
{
    listing->count = 0;
    listing->refused = false;
    fy_buf_clear(&listing->line);
    fy_buf_clear(&listing->texts);
}

static enum fy_code read_once(struct fy_diff_listing *listing, struct fy_call *call,
                              struct fy_err *err)
{
    forget(listing);
    enum fy_code code = fy_client_call(listing->site->subject->client, call, err);
    if (code == FY_OK && listing->line.size_bytes > 0)
        code = fy_err_set(err, FY_ENET, "its listing ends within a line");
    return code;
}

/* Only a prefix that CCS leaves as it is: it cleans it like a name. */
static bool prefix_header(const char *prefix, char *header, size_t header_bytes)
{
    char clean[FY_OBJECT_BYTES_MAX + 1];
    struct fy_err err;
    if (prefix[0] == '\0' ||
        fy_ccs_clean_object(prefix, fy_unicode_strip_marks, clean, &err) != FY_OK)
        return false;
    return strcmp(clean, prefix) == 0 &&
           snprintf(header, header_bytes, HEADER_PREFIX "%s", prefix) < (int)header_bytes;
}

static enum fy_code read_all(struct fy_diff_listing *listing, const char *base, struct fy_err *err)
{
    const struct fy_diff_subject *subject = listing->site->subject;
    char prefix[sizeof(HEADER_PREFIX) + FY_OBJECT_BYTES_MAX];
    struct fy_buf path;
    fy_path(&path, FY_PATH_CCS);
    fy_path_segment(&path, subject->word.bucket);
    struct fy_call call = {.method = "PUT",
                           .base = base,
                           .client = fy_diff_owner(subject),
                           .path = &path,
                           .headers = {"Accept: application/octet-stream", "Content-Length: 0"},
                           .write = on_write,
                           .arg = listing,
                           .is_long = true};
    size_t headers = 2;
    if (prefix_header(subject->word.name, prefix, sizeof(prefix)))
        call.headers[headers++] = prefix;
    /* With --older-than what was deleted there lately has to be known, too. */
    if (subject->older_ms == INT64_MAX)
        call.headers[headers++] = "x-clonecloudstore-statuses: [\"READY\"]";
    enum fy_code code = read_once(listing, &call, err);
    for (unsigned tries = 1; fy_client_is_temporary(code) && !listing->refused; tries++) {
        if (tries == FY_CLIENT_TRIES_MAX)
            break;
        fy_client_pause(tries);
        code = read_once(listing, &call, err);
    }
    fy_buf_done(&path);
    return code;
}

/* ---- in order */

/* By name; of one name the site's own row first, then the newest. */
static int compare_rows(const void *a, const void *b, void *arg)
{
    const struct listed *x = a, *y = b;
    int order = strcmp(text_at(arg, x->name), text_at(arg, y->name));
    if (order == 0)
        order = (int)y->own - (int)x->own;
    if (order == 0)
        order = (y->changed_ms > x->changed_ms) - (y->changed_ms < x->changed_ms);
    return order;
}

/* The first of each name stays. */
static void drop_repeats(struct fy_diff_listing *listing)
{
    size_t kept = 0;
    for (size_t index = 0; index < listing->count; index++) {
        const char *name = text_at(listing, listing->rows[index].name);
        if (kept == 0 || strcmp(text_at(listing, listing->rows[kept - 1].name), name) != 0)
            listing->rows[kept++] = listing->rows[index];
    }
    listing->count = kept;
}

enum fy_code fy_diff_listing_read(const struct fy_diff_site *site, const char *base,
                                  struct fy_diff_listing **listing, struct fy_err *err)
{
    struct fy_diff_listing *self = fy_alloc(sizeof(*self));
    self->site = site;
    fy_buf_init(&self->line, FY_LINE_BYTES_MAX);
    fy_buf_init(&self->texts, FY_DIFF_LISTED_BYTES_MAX);
    enum fy_code code = read_all(self, base, err);
    if (code != FY_OK) {
        fy_diff_listing_free(self);
        return fy_err_add(err, "%s", site->id);
    }
    if (self->count > 0)
        qsort_r(self->rows, self->count, sizeof(*self->rows), compare_rows, self);
    drop_repeats(self);
    *listing = self;
    return FY_OK;
}

void fy_diff_listing_free(struct fy_diff_listing *listing)
{
    if (listing == NULL)
        return;
    fy_buf_done(&listing->line);
    fy_buf_done(&listing->texts);
    free(listing->rows);
    free(listing);
}

/* ---- as a side */

/* The first row whose name is above. */
static size_t find_above(const struct fy_diff_listing *listing, const char *name)
{
    size_t low = 0, high = listing->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(text_at(listing, listing->rows[middle].name), name) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

enum fy_code fy_diff_listing_rows(void *arg, const struct fy_diff_range *range,
                                  struct fy_diff_rows *rows, struct fy_err *err)
{
    const struct fy_diff_listing *listing = arg;
    rows->count = 0;
    rows->more = false;
    if (listing == NULL)
        return FY_OK;
    size_t at = find_above(listing, range->after);
    const size_t end = range->until[0] != '\0' ? find_above(listing, range->until) : listing->count;
    (void)err;
    for (; at < end && rows->count < FY_DIFF_ROWS; at++) {
        const struct listed *from = &listing->rows[at];
        struct fy_diff_row *row = &rows->rows[rows->count++];
        *row = (struct fy_diff_row){
            .ready = from->ready, .changed_ms = from->changed_ms, .size = from->size};
        FY_ASSERT(fy_text_copy(row->name, sizeof(row->name), text_at(listing, from->name)));
        FY_ASSERT(fy_text_copy(row->hash, sizeof(row->hash), text_at(listing, from->hash)));
    }
    rows->more = at < end;
    return FY_OK;
}
