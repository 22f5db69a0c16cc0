/* verify.c - the scan of stored bodies: read again, hashed, and marked when they are damaged. */
/*
 * What it reads should come from the disk and leave nothing in memory: the pages of a body are
 * dropped before and after it, where the store gives a file descriptor.
 */
#include "worker/verify.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/core/filter.h"
#include "common/core/log.h"
#include "common/ports/sha256.h"
#include "common/runtime/damage.h"

#define PAGE_BODIES   100  /* read from the catalogue at once */
#define SAVE_EVERY_MS 1000 /* of progress; and so soon a stop is noticed */
#define BEHIND_MS_MAX 1000
#define PAUSE_MS_MAX  100 /* of one sleep, so that a stop of the process is */

struct body {
    struct fy_body_row row;
    char name[FY_OBJECT_BYTES_MAX + 1]; /* in a scan of one bucket */
};

struct verify {
    struct fy_node *node;
    const _Atomic bool *stop;
    struct fy_cat_scan scan;
    struct fy_sha256 *hash;
    char *bytes; /* FY_CHUNK_BYTES */
    struct body *page;
    size_t page_count;
    int64_t began_ms, saved_ms;                        /* monotonic */
    int64_t spent_bytes;                               /* since began_ms */
    uint32_t unreadable;                               /* bodies in a row: */
    struct fy_body_row held[FY_VERIFY_UNREADABLE_MAX]; /* marked once another one can be read */
};

/* ------------------------------------------------------------------ pace and progress */

/* Whether to go on: it keeps to the rate, and says how far it is. */
static enum fy_code save(struct verify *verify, struct fy_err *err)
{
    struct fy_cat_scan *scan = &verify->scan;
    scan->op = (struct fy_cat_op){.kind = FY_CAT_SCAN};
    scan->action = FY_SCAN_SAVE;
    enum fy_code code = fy_catalogue_writer_run(verify->node->writer, &scan->op, err);
    if (code != FY_OK)
        return code;
    verify->saved_ms = fy_mono_ms(verify->node->clock);
    return FY_OK;
}

static enum fy_code keep_pace(struct verify *verify, int64_t bytes, struct fy_err *err)
{
    verify->spent_bytes += bytes;
    int64_t due_ms = verify->began_ms + (int64_t)((double)verify->spent_bytes * 1000.0 /
                                                  (double)verify->node->config->verify_rate_bytes);
    for (;;) {
        int64_t now_ms = fy_mono_ms(verify->node->clock);
        if (now_ms > due_ms + BEHIND_MS_MAX) { /* what was not read in time is not made up for */
            verify->began_ms = due_ms = now_ms;
            verify->spent_bytes = 0;
        }
        if (atomic_load(verify->stop))
            return fy_err_set(err, FY_ECANCELLED, "the process is stopping");
        if (now_ms - verify->saved_ms >= SAVE_EVERY_MS && save(verify, err) != FY_OK)
            return err->code;
        if (now_ms >= due_ms)
            return FY_OK;
        int64_t pause_ms = due_ms - now_ms < PAUSE_MS_MAX ? due_ms - now_ms : PAUSE_MS_MAX;
        struct timespec pause = {.tv_nsec = pause_ms * 1000000};
        (void)nanosleep(&pause, NULL); /* shorter on a signal: looked at again */
    }
}

/* ------------------------------------------------------------------ one body */

static void drop_pages(struct fy_store *store, struct fy_reader *reader)
{
    int fd = fy_store_reader_fd(store, reader);
    if (fd >= 0)
        (void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED); /* advice: it may be ignored */
}

/* Hashes what is there. *damage is what it shows; an error says nothing of the body. */
static enum fy_code read_body(struct verify *verify, struct fy_reader *reader,
                              const struct fy_body_row *body, enum fy_damage *damage,
                              struct fy_err *err)
{
    struct fy_store *store = verify->node->store;
    struct fy_digest digest;
    fy_sha256_reset(verify->hash);
    for (int64_t at = 0; at < body->size;) {
        size_t got = 0;
        if (fy_store_read(store, reader, at, verify->bytes, FY_CHUNK_BYTES, &got, err) != FY_OK) {
            *damage = FY_DAMAGE_UNREADABLE;
            return FY_OK;
        }
        if (got == 0) {
            *damage = FY_DAMAGE_SIZE;
            return FY_OK;
        }
        fy_sha256_update(verify->hash, verify->bytes, got);
        at += (int64_t)got;
        if (keep_pace(verify, (int64_t)got, err) != FY_OK)
            return err->code;
    }
    fy_sha256_final(verify->hash, &digest);
    *damage = fy_digest_equal(&digest, &body->digest) ? FY_DAMAGE_NONE : FY_DAMAGE_HASH;
    return FY_OK;
}

static enum fy_code examine(struct verify *verify, const struct fy_body_row *body,
                            enum fy_damage *damage, struct fy_err *err)
{
    struct fy_store *store = verify->node->store;
    struct fy_reader *reader = NULL;
    int64_t size = 0;
    enum fy_code code = fy_store_open(store, body->blob_ref, &reader, &size, err);
    if (code == FY_EBUSY) /* our own want: no body is to blame, and the scan goes on later */
        return code;
    if (code != FY_OK) {
        *damage = code == FY_ENOTFOUND ? FY_DAMAGE_MISSING : FY_DAMAGE_UNREADABLE;
        return FY_OK;
    }
    *damage = FY_DAMAGE_SIZE;
    if (size == body->size) {
        drop_pages(store, reader);
        code = read_body(verify, reader, body, damage, err);
        drop_pages(store, reader);
    }
    fy_store_reader_close(store, reader);
    return code;
}

static enum fy_code mark(struct verify *verify, const struct fy_body_row *body,
                         enum fy_damage damage, bool *stale, struct fy_err *err)
{
    struct fy_cat_damage op = {.op = {.kind = FY_CAT_DAMAGE},
                               .body = *body,
                               .damage = damage,
                               .scan = verify->scan.row.number};
    enum fy_code code = fy_catalogue_writer_run(verify->node->writer, &op.op, err);
    if (code != FY_OK)
        return code;
    *stale = op.stale;
    if (op.news)
        fy_log(NULL, FY_ERROR, "body.damaged", fy_kv_str("blob", body->blob_ref),
               fy_kv_str("damage", fy_damage_name(damage)), fy_kv_i64("bytes", body->size));
    return FY_OK;
}

/* Whether it could be mended or not: what is left is listed, and the next scan tries again. */
static void mend(struct verify *verify, const struct fy_body_row *body)
{
    char site[FY_SITE_BYTES_MAX + 1] = "";
    struct fy_err err = {0};
    bool mended = fy_mend(verify->node, body, verify->stop, site, &err) == FY_OK;
    if (mended) {
        verify->scan.row.mended++;
        fy_metric_add(&verify->node->metrics, FY_M_BODIES_MENDED, 1);
    }
    if (mended)
        fy_log(NULL, FY_INFO, "body.mended", fy_kv_str("blob", body->blob_ref),
               fy_kv_str("site", site));
    else
        fy_log(NULL, FY_WARN, "body.not_mended", fy_kv_str("blob", body->blob_ref),
               fy_kv_err(&err));
}

static enum fy_code judge(struct verify *verify, const struct fy_body_row *body,
                          enum fy_damage damage, struct fy_err *err)
{
    bool stale = false;
    if (damage == FY_DAMAGE_NONE && !body->damaged)
        return FY_OK;
    if (mark(verify, body, damage, &stale, err) != FY_OK)
        return err->code;
    if (damage == FY_DAMAGE_NONE || stale)
        return FY_OK;
    verify->scan.row.damaged++;
    if (verify->scan.row.mends)
        mend(verify, body);
    return FY_OK;
}

/* The disk is away, it seems, and no body to blame. */
static enum fy_code give_up(struct verify *verify, struct fy_err *err)
{
    verify->scan.row.state = FY_SCAN_STOPPED;
    if (save(verify, err) != FY_OK)
        return err->code;
    return fy_err_set(err, FY_EIO, "%d bodies in a row cannot be read: the scan is stopped",
                      FY_VERIFY_UNREADABLE_MAX);
}

/* It was not the disk: they are damaged. A mark makes 404 of their objects, for which the orders of
 * other sites end; while a disk is away they are to wait. */
static enum fy_code judge_held(struct verify *verify, struct fy_err *err)
{
    for (uint32_t i = 0; i < verify->unreadable; i++)
        if (judge(verify, &verify->held[i], FY_DAMAGE_UNREADABLE, err) != FY_OK)
            return err->code;
    verify->unreadable = 0;
    return FY_OK;
}

static enum fy_code judge_or_hold(struct verify *verify, const struct fy_body_row *body,
                                  enum fy_damage damage, struct fy_err *err)
{
    if (damage != FY_DAMAGE_UNREADABLE)
        return judge_held(verify, err) == FY_OK ? judge(verify, body, damage, err) : err->code;
    verify->held[verify->unreadable++] = *body;
    return verify->unreadable < FY_VERIFY_UNREADABLE_MAX ? FY_OK : give_up(verify, err);
}

static enum fy_code verify_body(struct verify *verify, const struct body *body, struct fy_err *err)
{
    struct fy_scan_row *row = &verify->scan.row;
    enum fy_damage damage = FY_DAMAGE_NONE;
    enum fy_code code = examine(verify, &body->row, &damage, err);
    if (code != FY_OK)
        return code;
    code = judge_or_hold(verify, &body->row, damage, err);
    if (code != FY_OK)
        return code;
    row->bodies++;
    row->bytes += body->row.size;
    row->after_id = row->bucket[0] == '\0' ? body->row.id : 0;
    memcpy(row->after_name, body->name, sizeof row->after_name);
    fy_metric_add(&verify->node->metrics, FY_M_VERIFIED_BYTES, body->row.size);
    return keep_pace(verify, FY_VERIFY_BODY_BYTES, err);
}

/* ------------------------------------------------------------------ pages */

static bool keep_body(void *arg, const struct fy_body_row *row)
{
    struct verify *verify = arg;
    verify->page[verify->page_count++] = (struct body){.row = *row};
    return verify->page_count < PAGE_BODIES;
}

static bool keep_object(void *arg, const struct fy_object_row *row)
{
    struct verify *verify = arg;
    struct body *body = &verify->page[verify->page_count++];
    fy_body_of_object(row, &body->row);
    memcpy(body->name, row->name, sizeof body->name);
    return verify->page_count < PAGE_BODIES;
}

static enum fy_code read_page(struct verify *verify, struct fy_err *err)
{
    struct fy_catalogue *catalogue = verify->node->catalogue;
    const struct fy_scan_row *row = &verify->scan.row;
    verify->page_count = 0;
    if (row->bucket[0] == '\0')
        return fy_catalogue_body_list(catalogue, row->after_id, PAGE_BODIES, keep_body, verify,
                                      err);
    struct fy_filter *filter = fy_alloc(sizeof *filter);
    fy_filter_init(filter);
    filter->statuses = fy_filter_status_bit(FY_STATUS_READY);
    memcpy(filter->name_prefix, row->prefix, sizeof row->prefix);
    enum fy_code code =
        fy_catalogue_object_list(catalogue, row->account, row->bucket, filter, row->after_name,
                                 PAGE_BODIES, keep_object, verify, err);
    free(filter);
    return code == FY_ENOTFOUND ? FY_OK : code; /* the bucket went: nothing is left to look at */
}

static enum fy_code run(struct verify *verify, struct fy_err *err)
{
    do {
        if (read_page(verify, err) != FY_OK)
            return err->code;
        for (size_t i = 0; i < verify->page_count; i++)
            if (verify_body(verify, &verify->page[i], err) != FY_OK)
                return err->code;
    } while (verify->page_count > 0);
    if (judge_held(verify, err) != FY_OK)
        return err->code;
    verify->scan.row.state = FY_SCAN_DONE;
    return save(verify, err);
}

static enum fy_code take(struct verify *verify, struct fy_err *err)
{
    struct fy_cat_scan *scan = &verify->scan;
    struct fy_scan_row last;
    enum fy_code code = fy_catalogue_scan_get(verify->node->catalogue, &last, err);
    if (code != FY_OK)
        return code;
    if (last.state != FY_SCAN_RUNNING) /* nearly always: no write for it */
        return fy_err_set(err, FY_ENOTFOUND, "no scan runs");
    *scan = (struct fy_cat_scan){.op = {.kind = FY_CAT_SCAN}, .action = FY_SCAN_TAKE};
    return fy_catalogue_writer_run(verify->node->writer, &scan->op, err);
}

static enum fy_code run_taken(struct verify *verify, struct fy_err *err)
{
    const struct fy_scan_row *row = &verify->scan.row;
    verify->hash = fy_sha256_new();
    verify->bytes = fy_alloc(FY_CHUNK_BYTES);
    verify->page = fy_alloc(PAGE_BODIES * sizeof *verify->page);
    verify->began_ms = verify->saved_ms = fy_mono_ms(verify->node->clock);
    enum fy_code code = run(verify, err);
    free(verify->page);
    free(verify->bytes);
    fy_sha256_free(verify->hash);
    if (code == FY_OK)
        fy_log(NULL, row->damaged > 0 ? FY_ERROR : FY_INFO, "verify.done",
               fy_kv_i64("bodies", row->bodies), fy_kv_i64("bytes", row->bytes),
               fy_kv_i64("damaged", row->damaged), fy_kv_i64("mended", row->mended));
    return code;
}

enum fy_code fy_verify(struct fy_node *node, const _Atomic bool *stop, struct fy_err *err)
{
    struct verify *verify = fy_alloc(sizeof *verify); /* rows are large */
    struct fy_err failure = {0};
    *verify = (struct verify){.node = node, .stop = stop};
    enum fy_code code = take(verify, &failure);
    if (code == FY_OK)
        code = run_taken(verify, &failure);
    free(verify);
    /* Nothing to do, another process does it, a person stopped it, or the process is stopping. */
    if (code == FY_OK || code == FY_ENOTFOUND || code == FY_EEXISTS || code == FY_ECANCELLED)
        return FY_OK;
    return fy_err_set(err, code, "%s", failure.text);
}
