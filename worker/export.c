/* export.c - the catalogue written down beside the bodies: what changed, and once a day all of it.
 */
/*
 * Nothing of this can be lost by a crash: rows of the journal go only after the file that has them
 * is durable, and files only when two newer full ones are. A file is whole or not there. Whoever
 * was thought dead and wakes up may write a file more, of rows that another has written as well;
 * removing rows takes a lease that lives.
 *
 * While a full export is made, which may take long, the changes go on being written.
 */
#include "worker/export.h"

#include <stdlib.h>
#include <string.h>

#include "common/core/log.h"
#include "common/runtime/pool.h"
#include "worker/export_file.h"

#define SEGMENT_ROWS                                                                               \
    2000 /* of the journal in one file, and so in one transaction that ends them                   \
          */
/* What the store does not take for so long is given up, and all is exported when it does. */
#define JOURNAL_KEEP_MS (10LL * 60 * 1000)
#define NONE_YET        0

struct segment { /* rows of the journal, as they are read */
    struct fy_exporter *exporter;
    struct fy_export_file file;
    int64_t ids[SEGMENT_ROWS];
    size_t count;
    int64_t last_id;
    int64_t oldest_ms;
    enum fy_code code;
    struct fy_err *err;
};

struct fy_exporter {
    struct fy_node *node;
    pthread_t thread;
    struct fy_bell stop_bell;
    _Atomic bool stopping;

    /* Our thread only. */
    bool failing;
    int64_t next_number;    /* of the next file */
    int64_t full_ms;        /* when the newest full one was begun; NONE_YET there is none */
    bool all_wanted;        /* the journal has a row without lines */
    int64_t changes_ms;     /* monotonic: when changes were written last */
    int64_t wanted_ids[64]; /* those rows; more of them are found the next time */
    size_t wanted_count;
    struct segment segment;
    struct fy_export_file all;
    struct fy_identity_row identity;
};

/* ---- changes */

/* The catalogue knows of each file before it is begun: one that was put back to an older state
 * knows of fewer than there are. */
static enum fy_code file_begins(struct fy_exporter *exporter, struct fy_err *err)
{
    struct fy_cat_journal_done done = {.op = {.kind = FY_CAT_JOURNAL_DONE},
                                       .exporting = exporter->next_number};
    return fy_catalogue_writer_run(exporter->node->writer, &done.op, err);
}

static enum fy_code segment_open(struct segment *segment)
{
    struct fy_exporter *exporter = segment->exporter;
    struct fy_export_name name = {.number = exporter->next_number};
    memcpy(name.catalogue, exporter->identity.id, sizeof(name.catalogue));
    enum fy_code code = file_begins(exporter, segment->err);
    if (code != FY_OK)
        return code;
    return fy_export_file_open(&segment->file, exporter->node->store, &name, exporter->node->site,
                               fy_wall_ms(exporter->node->clock), segment->err);
}

static void want_all(struct fy_exporter *exporter, int64_t id)
{
    exporter->all_wanted = true;
    if (exporter->wanted_count < FY_COUNT_OF(exporter->wanted_ids))
        exporter->wanted_ids[exporter->wanted_count++] = id;
}

static bool take_row(void *arg, const struct fy_journal_row *row)
{
    struct segment *segment = arg;
    segment->last_id = row->id;
    if (row->lines_bytes == 0) {
        want_all(segment->exporter, row->id);
        return true;
    }
    if (segment->count == 0)
        segment->code = segment_open(segment);
    if (segment->code == FY_OK)
        segment->code =
            fy_export_file_add(&segment->file, row->lines, row->lines_bytes, segment->err);
    segment->ids[segment->count++] = row->id;
    return segment->code == FY_OK && segment->count < SEGMENT_ROWS;
}

static enum fy_code journal_done(struct fy_node *node, const int64_t *ids, size_t count, bool anew,
                                 struct fy_err *err)
{
    struct fy_cat_journal_done done = {
        .op = {.kind = FY_CAT_JOURNAL_DONE}, .ids = ids, .count = count, .anew = anew};
    if (count == 0)
        return FY_OK;
    return fy_catalogue_writer_run(node->writer, &done.op, err);
}

/* One file; *more: rows are left. */
static enum fy_code export_segment(struct fy_exporter *exporter, bool *more, struct fy_err *err)
{
    struct segment *segment = &exporter->segment;
    segment->exporter = exporter;
    segment->count = 0;
    segment->code = FY_OK;
    segment->err = err;
    exporter->all_wanted = false;
    exporter->wanted_count = 0;
    enum fy_code code =
        fy_catalogue_journal_read(exporter->node->catalogue, 0, UINT32_MAX, take_row, segment, err);
    *more = segment->count == SEGMENT_ROWS;
    if (code == FY_OK)
        code = segment->code;
    if (code != FY_OK) {
        fy_export_file_abort(&segment->file);
        return code;
    }
    if (segment->count == 0)
        return FY_OK;
    code = fy_export_file_keep(&segment->file, err);
    if (code != FY_OK)
        return code;
    exporter->next_number++;
    return journal_done(exporter->node, segment->ids, segment->count, false, err);
}

static enum fy_code export_changes(struct fy_exporter *exporter, struct fy_err *err)
{
    bool more = true;
    enum fy_code code = FY_OK;
    exporter->changes_ms = fy_mono_ms(exporter->node->clock);
    while (code == FY_OK && more)
        code = export_segment(exporter, &more, err);
    return code;
}

/* ---- all rows */

struct all_rows {
    struct fy_exporter *exporter;
    enum fy_code code;
    struct fy_err *err;
};

static bool take_line(void *arg, const char *line, size_t line_bytes)
{
    struct all_rows *rows = arg;
    struct fy_exporter *exporter = rows->exporter;
    const struct fy_node *node = exporter->node;
    rows->code = fy_export_file_add(&exporter->all, line, line_bytes, rows->err);
    if (rows->code == FY_OK &&
        fy_mono_ms(node->clock) - exporter->changes_ms >= node->config->export_changes_ms)
        rows->code = export_changes(exporter, rows->err);
    if (rows->code == FY_OK && atomic_load(&exporter->stopping))
        rows->code = fy_err_set(rows->err, FY_ECANCELLED, "the export was stopped");
    return rows->code == FY_OK;
}

/* The full file before this one stays, with its changes: nobody has read this one yet, and the day
 * it is needed is a bad one to find it damaged. What came before that is of no use any more. */
static int64_t least_wanted(const struct fy_export_list *list, const struct fy_export_name *full)
{
    int64_t least = full->number;
    for (size_t i = 0; i < list->count && list->names[i].number < full->number; i++)
        if (list->names[i].full)
            least = list->names[i].number; /* they are in order */
    return least;
}

static enum fy_code remove_older(struct fy_exporter *exporter, const struct fy_export_name *full,
                                 struct fy_err *err)
{
    struct fy_export_list list = {0};
    enum fy_code code = fy_export_list_read(exporter->node->store, &list, err);
    const int64_t least = least_wanted(&list, full);
    for (size_t i = 0; code == FY_OK && i < list.count && list.names[i].number < least; i++) {
        char name[FY_KEPT_NAME_BYTES_MAX + 1];
        fy_export_name_print(&list.names[i], name);
        code = fy_store_kept_remove(exporter->node->store, name, err);
    }
    fy_export_list_done(&list);
    return code;
}

static enum fy_code write_all(struct fy_exporter *exporter, const struct fy_export_name *name,
                              struct fy_err *err)
{
    struct fy_node *node = exporter->node;
    struct all_rows rows = {.exporter = exporter, .err = err};
    enum fy_code code = file_begins(exporter, err);
    if (code == FY_OK)
        code = fy_export_file_open(&exporter->all, node->store, name, node->site, name->at_ms, err);
    if (code != FY_OK)
        return code;
    code = fy_catalogue_export_rows(node->catalogue, take_line, &rows, err);
    if (code == FY_OK)
        code = rows.code;
    if (code == FY_OK)
        return fy_export_file_keep(&exporter->all, err);
    fy_export_file_abort(&exporter->all);
    return code;
}

/* Rows of the journal that want this are read before it begins, and go after it is durable. */
static enum fy_code export_all(struct fy_exporter *exporter, struct fy_err *err)
{
    struct fy_node *node = exporter->node;
    struct fy_export_name name = {
        .full = true, .number = exporter->next_number, .at_ms = fy_wall_ms(node->clock)};
    int64_t ids[FY_COUNT_OF(exporter->wanted_ids)];
    size_t count = exporter->wanted_count;
    memcpy(name.catalogue, exporter->identity.id, sizeof(name.catalogue));
    memcpy(ids, exporter->wanted_ids, sizeof(ids));
    enum fy_code code = write_all(exporter, &name, err);
    if (code == FY_OK)
        code = journal_done(node, ids, count, false, err);
    if (code != FY_OK)
        return code;
    exporter->full_ms = name.at_ms;
    if (exporter->next_number == name.number)
        exporter->next_number++;
    fy_log(NULL, FY_INFO, "export.full", fy_kv_i64("lines", exporter->all.count),
           fy_kv_i64("number", name.number));
    return remove_older(exporter, &name, err);
}

/* ---- rounds */

/* The store may have been written to by whoever pumped before us. */
static enum fy_code look(struct fy_exporter *exporter, struct fy_err *err)
{
    struct fy_node *node = exporter->node;
    struct fy_export_list list = {0};
    enum fy_code code = fy_catalogue_identity(node->catalogue, &exporter->identity, err);
    if (code == FY_OK)
        code = fy_export_list_read(node->store, &list, err);
    if (code == FY_OK && fy_export_list_stranger(&list, exporter->identity.id) != NULL)
        code = fy_err_set(err, FY_EINPUT, "the store has the export of another catalogue");
    if (code == FY_OK) {
        const struct fy_export_name *full = fy_export_list_full(&list, exporter->identity.id);
        exporter->full_ms = full == NULL ? NONE_YET : full->at_ms;
        exporter->next_number = list.count == 0 ? 1 : list.names[list.count - 1].number + 1;
    }
    fy_export_list_done(&list);
    return code;
}

static bool all_is_due(const struct fy_exporter *exporter)
{
    const struct fy_node *node = exporter->node;
    int64_t age_ms = fy_wall_ms(node->clock) - exporter->full_ms;
    /* A clock that was set back must not put it off for long. */
    return exporter->all_wanted || exporter->full_ms == NONE_YET || age_ms < 0 ||
           age_ms >= node->config->export_every_ms;
}

static enum fy_code export_once(struct fy_exporter *exporter, struct fy_err *err)
{
    enum fy_code code = look(exporter, err);
    if (code == FY_OK)
        code = export_changes(exporter, err);
    if (code == FY_OK && all_is_due(exporter) && !atomic_load(&exporter->stopping))
        code = export_all(exporter, err);
    return code;
}

/* ---- giving up */

/* A row without lines goes, too: the one that comes instead says the same. */
static bool take_old(void *arg, const struct fy_journal_row *row)
{
    struct segment *segment = arg;
    if (row->written_ms >= segment->oldest_ms)
        return false;
    segment->ids[segment->count++] = row->id;
    return segment->count < SEGMENT_ROWS;
}

/* The journal is no second catalogue: what has waited too long gives way to a row that asks for
 * all.
 */
static enum fy_code give_up_old(struct fy_exporter *exporter, struct fy_err *err)
{
    struct segment *segment = &exporter->segment;
    enum fy_code code;
    segment->oldest_ms = fy_wall_ms(exporter->node->clock) - JOURNAL_KEEP_MS;
    do {
        segment->count = 0;
        code = fy_catalogue_journal_read(exporter->node->catalogue, 0, UINT32_MAX, take_old,
                                         segment, err);
        if (code == FY_OK)
            code = journal_done(exporter->node, segment->ids, segment->count, true, err);
    } while (code == FY_OK && segment->count == SEGMENT_ROWS);
    return code;
}

/* FY_EEXISTS is another worker's turn, or its file that was faster; nothing is wrong then. */
static void round_once(struct fy_exporter *exporter)
{
    struct fy_err err = {0}, ignored = {0};
    enum fy_code code = export_once(exporter, &err);
    bool fails = code != FY_OK && code != FY_EEXISTS && code != FY_ECANCELLED;
    if (fails != exporter->failing)
        fy_log(NULL, fails ? FY_WARN : FY_INFO, fails ? "export.failing" : "export.well",
               fy_kv_err(&err));
    exporter->failing = fails;
    if (fails) /* when that fails, too, it is the catalogue that is away, and nothing gathers */
        (void)give_up_old(exporter, &ignored);
}

static void *exporter_main(void *arg)
{
    struct fy_exporter *exporter = arg;
    int interval_ms = (int)exporter->node->config->export_changes_ms;
    while (!atomic_load(&exporter->stopping)) {
        round_once(exporter);
        (void)fy_bell_wait(&exporter->stop_bell, -1, interval_ms);
    }
    round_once(exporter); /* what changed until the end; all rows can wait */
    return NULL;
}

/* ---- life */

enum fy_code fy_exporter_open(struct fy_node *node, struct fy_exporter **exporter,
                              struct fy_err *err)
{
    FY_ASSERT(*exporter == NULL);
    struct fy_exporter *opened = fy_alloc(sizeof(*opened));
    opened->node = node;
    enum fy_code code = fy_bell_init(&opened->stop_bell, err);
    if (code == FY_OK) {
        code = fy_thread_start(&opened->thread, "export", exporter_main, opened, err);
        if (code != FY_OK)
            fy_bell_done(&opened->stop_bell);
    }
    if (code != FY_OK) {
        free(opened);
        return code;
    }
    *exporter = opened;
    return FY_OK;
}

void fy_exporter_close(struct fy_exporter *exporter)
{
    if (exporter == NULL)
        return;
    atomic_store(&exporter->stopping, true);
    fy_bell_ring(&exporter->stop_bell);
    pthread_join(exporter->thread, NULL);
    fy_bell_done(&exporter->stop_bell);
    free(exporter);
}
