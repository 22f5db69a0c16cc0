/* catalogue_sql_page.c - lists of versions, with groups. */
/*
 * What is listed comes from up to three tracks, each an index walked by name: READY objects, delete
 * markers that are the newest version of their name, and the rows of `version` (where only the
 * newest versions count, the registered ones among them). A fill reads the next rows of each track
 * behind the place reached, in one snapshot and by keyset; they are merged by (name, number
 * descending) and visited once the connection is back. A track that has given all it was asked for
 * may have more: where its rows end the merge ends, and the next fill goes on from there.
 *
 * A group of names is left by moving the place behind it. So a page costs what it shows, whatever
 * is behind, before or within it; and since fills that are left early ask for less the next time, a
 * page of nothing but groups reads hardly more than one row for each.
 */
#include <stdlib.h>
#include <string.h>

#include "common/adapters/catalogue_sql_internal.h"
#include "common/core/names.h"

#define FILL_ROWS_MIN 2  /* the first may be of the name reached, and shown already */
#define FILL_ROWS_MAX 16 /* a row is 6 KiB */

enum { TRACK_READY, TRACK_MARKER, TRACK_VERSION, TRACK_COUNT };

struct track {
    enum fy_cs_sql sql;
    struct fy_object_row *rows; /* FILL_ROWS_MAX of them; NULL: the list has no such track */
    uint32_t count, next;
    bool more; /* rows may follow */
};

struct walk {
    struct fy_cs *self;
    const struct fy_version_query *query;
    fy_version_visit_fn *visit;
    void *arg;
    int64_t container_id;
    bool newest; /* of each name that version alone */
    size_t prefix_bytes, delimiter_bytes;

    /* The place reached: names from low on, and of a name that is low versions below that number.
     */
    const char *low;
    int64_t below; /* FY_UNSET all of them */
    char low_text[FY_CS_END_BYTES];
    char end[FY_CS_END_BYTES]; /* where names with the prefix end */

    struct track tracks[TRACK_COUNT];
    uint32_t wanted; /* rows of each track in the next fill */
    uint32_t left;   /* entries to visit at most */
};

/* ------------------------------------------------------------------ the place */

/* No name is between one and itself with the least character there is. */
static void behind_name(struct walk *walk, const char *name)
{
    size_t size = strlen(name);
    FY_ASSERT(size + 2 <= sizeof walk->low_text);
    memmove(walk->low_text, name, size);
    memcpy(walk->low_text + size, "\x01", 2);
    walk->low = walk->low_text;
    walk->below = FY_UNSET;
}

static void behind_group(struct walk *walk, const char *group)
{
    fy_cs_names_end(group, walk->low_text);
    walk->low = walk->low_text;
    walk->below = FY_UNSET;
}

static void behind_version(struct walk *walk, const struct fy_object_row *row)
{
    if (walk->newest) {
        behind_name(walk, row->name);
        return;
    }
    memcpy(walk->low_text, row->name, sizeof row->name);
    walk->low = walk->low_text;
    walk->below = row->version;
}

static bool is_behind(const struct walk *walk, const struct fy_object_row *row)
{
    int order = strcmp(row->name, walk->low);
    return order > 0 || (order == 0 && (walk->below == FY_UNSET || row->version < walk->below));
}

/* The beginning that a name shares with its group; 0: it is in none. */
static size_t group_bytes(const struct walk *walk, const char *name)
{
    if (walk->delimiter_bytes == 0 || strncmp(name, walk->query->prefix, walk->prefix_bytes) != 0)
        return 0;
    const char *found = strstr(name + walk->prefix_bytes, walk->query->delimiter);
    return found == NULL ? 0 : (size_t)(found - name) + walk->delimiter_bytes;
}

/* Texts that are longer than any name are none, but names are compared with them all the same. */
static void place_begin(struct walk *walk)
{
    const struct fy_version_query *query = walk->query;
    char group[FY_OBJECT_BYTES_MAX + 1];
    size_t size = group_bytes(walk, query->after);
    walk->below = FY_UNSET;
    if (strcmp(query->after, query->prefix) < 0) {
        walk->low = query->prefix;
    } else if (size > 0 && size < sizeof group) {
        memcpy(group, query->after, size);
        group[size] = '\0';
        behind_group(walk, group);
    } else if (query->after[0] == '\0' || strlen(query->after) > FY_OBJECT_BYTES_MAX) {
        walk->low = query->after;
    } else if (query->all && query->version_after != FY_UNSET) {
        walk->low = query->after;
        walk->below = query->version_after;
    } else {
        behind_name(walk, query->after);
    }
}

/* ------------------------------------------------------------------ reading */

static void take_row(struct walk *walk, struct fy_cs_use *use, struct fy_object_row *row)
{
    fy_cs_take_object_row(walk->self, use, row);
    row->registered = fy_cs_take_i64(use) != 0;
}

/* Goes on with what the statement gives; up to `wanted` rows in all. */
static void track_read(struct walk *walk, struct track *track, struct fy_cs_use *use)
{
    fy_cs_i64(use, walk->wanted - track->count);
    while (track->count < walk->wanted && fy_cs_row(use))
        take_row(walk, use, &track->rows[track->count++]);
    fy_cs_end(use);
}

/* What is left of the versions of the name reached. */
static void track_fill_name(struct walk *walk, struct track *track, struct fy_cs_conn *reader)
{
    struct fy_cs_use use = fy_cs_use(reader, FY_CS_VERSION_LIST_NAME);
    fy_cs_i64(&use, walk->container_id);
    fy_cs_text(&use, walk->low);
    fy_cs_i64(&use, walk->below);
    track_read(walk, track, &use);
}

static void track_fill(struct walk *walk, struct track *track, struct fy_cs_conn *reader)
{
    char above[FY_CS_END_BYTES];
    const char *low = walk->low;
    track->count = track->next = 0;
    if (track->sql == FY_CS_VERSION_LIST && walk->below != FY_UNSET) {
        track_fill_name(walk, track, reader);
        (void)stpcpy(stpcpy(above, low), "\x01");
        low = above;
    }
    if (track->count < walk->wanted) {
        struct fy_cs_use use = fy_cs_use(reader, track->sql);
        fy_cs_i64(&use, walk->container_id);
        fy_cs_text(&use, low);
        fy_cs_text(&use, walk->end);
        track_read(walk, track, &use);
    }
    track->more = track->count == walk->wanted;
}

static enum fy_code fill(struct walk *walk, struct fy_err *err)
{
    struct fy_cs_conn *reader = fy_cs_reader_take(walk->self);
    fy_cs_exec(reader, FY_CS_BEGIN_READ);
    for (size_t index = 0; index < TRACK_COUNT; index++)
        if (walk->tracks[index].rows != NULL)
            track_fill(walk, &walk->tracks[index], reader);
    fy_cs_exec(reader, FY_CS_COMMIT);
    return fy_cs_reader_give(walk->self, reader, err);
}

/* ------------------------------------------------------------------ visiting */

static bool comes_before(const struct fy_object_row *one, const struct fy_object_row *other)
{
    int order = strcmp(one->name, other->name);
    return order < 0 || (order == 0 && one->version > other->version);
}

/* The next row of all tracks; NULL: there is none, or nobody has read it yet. */
static const struct fy_object_row *next_row(struct walk *walk)
{
    struct track *first = NULL;
    for (size_t index = 0; index < TRACK_COUNT; index++) {
        struct track *track = &walk->tracks[index];
        if (track->next == track->count && track->more)
            return NULL;
        if (track->next < track->count &&
            (first == NULL || comes_before(&track->rows[track->next], &first->rows[first->next])))
            first = track;
    }
    return first == NULL ? NULL : &first->rows[first->next++];
}

static bool is_asked_for(const struct fy_version_query *query, const struct fy_object_row *row)
{
    return (query->version == FY_UNSET || row->version == query->version) &&
           (!row->marker || query->all || query->deleted);
}

/* The row, or its group, and what they cover is behind us; false: the visitor has enough. */
static bool give(struct walk *walk, const struct fy_object_row *row)
{
    char group[FY_OBJECT_BYTES_MAX + 1];
    struct fy_version_entry entry = {.row = row};
    size_t size = group_bytes(walk, row->name);
    if (size == 0) {
        behind_version(walk, row);
    } else {
        memcpy(group, row->name, size);
        group[size] = '\0';
        entry = (struct fy_version_entry){.group = group};
        behind_group(walk, group);
    }
    walk->left--;
    return walk->visit(walk->arg, &entry);
}

/* Visits what was filled; false: the walk is over. used: rows that it took. */
static bool visit_fill(struct walk *walk, uint32_t *used)
{
    const struct fy_version_query *query = walk->query;
    const struct fy_object_row *row = NULL;
    *used = 0;
    while (walk->left > 0 && (row = next_row(walk)) != NULL) {
        if (!is_behind(walk, row))
            continue;
        if (query->before[0] != '\0' && strcmp(row->name, query->before) >= 0)
            return false;
        (*used)++;
        if (!is_asked_for(query, row))
            behind_version(walk, row);
        else if (!give(walk, row))
            return false;
    }
    bool more = false;
    for (size_t index = 0; index < TRACK_COUNT; index++)
        more = more || walk->tracks[index].more;
    return more && walk->left > 0;
}

/* As much as the last fill was good for, and again: what is seldom left early soon reads most. */
static uint32_t wanted_next(const struct walk *walk, uint32_t used)
{
    uint32_t wanted = used < FILL_ROWS_MAX / 2 ? 2 * used : FILL_ROWS_MAX;
    if (wanted > walk->left)
        wanted = walk->left;
    return wanted < FILL_ROWS_MIN ? FILL_ROWS_MIN : wanted;
}

static enum fy_code walk_run(struct walk *walk, struct fy_err *err)
{
    uint32_t used = FILL_ROWS_MAX;
    do {
        walk->wanted = wanted_next(walk, used);
        enum fy_code code = fill(walk, err);
        if (code != FY_OK)
            return code;
    } while (visit_fill(walk, &used));
    return FY_OK;
}

/* ------------------------------------------------------------------ the list */

static bool query_is_text(const struct fy_version_query *query)
{
    return fy_utf8_is_valid(query->prefix, strlen(query->prefix)) &&
           fy_utf8_is_valid(query->after, strlen(query->after)) &&
           fy_utf8_is_valid(query->before, strlen(query->before)) &&
           fy_utf8_is_valid(query->delimiter, strlen(query->delimiter));
}

static void tracks_choose(struct walk *walk, struct fy_object_row *rows)
{
    const struct fy_version_query *query = walk->query;
    struct track *tracks = walk->tracks;
    tracks[TRACK_READY] = (struct track){.sql = FY_CS_VERSION_LIST_READY, .rows = rows};
    if (query->all || query->deleted)
        tracks[TRACK_MARKER] = (struct track){.sql = FY_CS_VERSION_LIST_MARKER,
                                              .rows = rows + (size_t)TRACK_MARKER * FILL_ROWS_MAX};
    tracks[TRACK_VERSION] =
        (struct track){.sql = walk->newest ? FY_CS_VERSION_LIST_REGISTERED : FY_CS_VERSION_LIST,
                       .rows = rows + (size_t)TRACK_VERSION * FILL_ROWS_MAX};
}

enum fy_code fy_cs_version_list(struct fy_catalogue *port, const struct fy_version_query *query,
                                fy_version_visit_fn *visit, void *arg, struct fy_err *err)
{
    struct walk walk = {.self = fy_cs_from(port),
                        .query = query,
                        .visit = visit,
                        .arg = arg,
                        .newest = !query->all && query->version == FY_UNSET,
                        .prefix_bytes = strlen(query->prefix),
                        .delimiter_bytes = strlen(query->delimiter),
                        .left = query->limit};
    struct fy_cs_container container;
    if (!query_is_text(query))
        return fy_err_set(err, FY_EINPUT, "a text to list by is no UTF-8");
    enum fy_code code =
        fy_cs_container_look_up(walk.self, query->account, query->bucket, &container, err);
    if (code != FY_OK)
        return code;
    if (!container.there)
        return fy_err_set(err, FY_ENOTFOUND, "container %s is not here", query->bucket);
    if (walk.prefix_bytes > FY_OBJECT_BYTES_MAX)
        return FY_OK; /* longer than any name */
    walk.container_id = container.id;
    fy_cs_names_end(query->prefix, walk.end);
    place_begin(&walk);
    struct fy_object_row *rows = fy_alloc((size_t)TRACK_COUNT * FILL_ROWS_MAX * sizeof *rows);
    tracks_choose(&walk, rows);
    code = walk_run(&walk, err);
    free(rows);
    return code;
}
