/* tally.c - how far put and get have come, and what came of it. */
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "cli/client.h"
#include "cli/output.h"
#include "common/core/clock.h"

#define DRAW_EVERY_MS 200
#define WIPE_LINE     "\r\033[K"

void fy_tally_init(struct fy_tally *tally, const char *verb)
{
    *tally = (struct fy_tally){.verb = verb,
                               .shown = isatty(STDERR_FILENO) == 1,
                               .started_ms = fy_mono_ms(fy_clock_system())};
    FY_ASSERT(pthread_mutex_init(&tally->mutex, NULL) == 0);
}

void fy_tally_done(struct fy_tally *tally)
{
    pthread_mutex_destroy(&tally->mutex);
}

/* mutex held */
static void draw(struct fy_tally *tally)
{
    char size[FY_CELL_BYTES];
    char rate[FY_CELL_BYTES];
    int64_t now_ms = fy_mono_ms(fy_clock_system());
    if (!tally->shown || now_ms - tally->drawn_ms < DRAW_EVERY_MS)
        return;
    tally->drawn_ms = now_ms;
    int64_t taken_ms = now_ms - tally->started_ms + 1;
    fy_cell_size(tally->moved_bytes, size);
    fy_cell_size((int64_t)((double)tally->moved_bytes * 1000 / (double)taken_ms), rate);
    fprintf(stderr, WIPE_LINE "%s: %" PRId64 " objects, %s, %s/s", tally->verb, tally->objects,
            size, rate);
    if (tally->failed > 0)
        fprintf(stderr, ", %" PRId64 " failed", tally->failed);
    (void)fflush(stderr);
}

void fy_tally_move(struct fy_tally *tally, int64_t bytes)
{
    pthread_mutex_lock(&tally->mutex);
    tally->moved_bytes += bytes;
    draw(tally);
    pthread_mutex_unlock(&tally->mutex);
}

void fy_tally_object(struct fy_tally *tally, int64_t bytes, bool unchanged)
{
    pthread_mutex_lock(&tally->mutex);
    tally->objects++;
    tally->bytes += bytes;
    tally->unchanged += unchanged;
    draw(tally);
    pthread_mutex_unlock(&tally->mutex);
}

void fy_tally_skip(struct fy_tally *tally)
{
    pthread_mutex_lock(&tally->mutex);
    tally->skipped++;
    pthread_mutex_unlock(&tally->mutex);
}

void fy_tally_fail(struct fy_tally *tally, const char *what, const struct fy_err *err)
{
    struct fy_buf clean;
    fy_buf_init(&clean, FY_LINE_BYTES_MAX);
    fy_clean(&clean, what);
    pthread_mutex_lock(&tally->mutex);
    if (tally->failed++ < FY_REPORTS_MAX)
        fprintf(stderr, "%sferry: %s %s: %s\n", tally->shown ? WIPE_LINE : "", tally->verb,
                clean.bytes != NULL ? clean.bytes : "", err->text);
    pthread_mutex_unlock(&tally->mutex);
    fy_buf_done(&clean);
}

void fy_tally_stop(struct fy_tally *tally, enum fy_code code)
{
    pthread_mutex_lock(&tally->mutex);
    if (tally->stopped == FY_OK)
        tally->stopped = code;
    pthread_mutex_unlock(&tally->mutex);
}

static void print_json(const struct fy_tally *tally, double seconds, double rate, FILE *file)
{
    struct fy_buf json;
    fy_buf_init(&json, FY_LINE_BYTES_MAX);
    fy_buf_text(&json, "{");
    fy_buf_json_i64(&json, "objects", tally->objects);
    fy_buf_json_i64(&json, "bytes", tally->bytes);
    fy_buf_json_i64(&json, "unchanged", tally->unchanged);
    fy_buf_json_i64(&json, "failed", tally->failed);
    fy_buf_json_i64(&json, "skipped", tally->skipped);
    if (tally->version != 0)
        fy_buf_json_i64(&json, "version", tally->version);
    fy_buf_printf(&json, ",\"seconds\":%.3f,\"objectsPerSecond\":%.1f}", seconds, rate);
    fprintf(file, "%s\n", json.bytes);
    fy_buf_done(&json);
}

static void print_text(const struct fy_tally *tally, double seconds, double rate, FILE *file)
{
    fprintf(file,
            "%" PRId64 " object%s, %" PRId64 " bytes, %.2f s, %.0f objects/s (%" PRId64
            " unchanged)",
            tally->objects, tally->objects == 1 ? "" : "s", tally->bytes, seconds, rate,
            tally->unchanged);
    if (tally->failed > 0)
        fprintf(file, ", %" PRId64 " failed", tally->failed);
    if (tally->skipped > 0)
        fprintf(file, ", %" PRId64 " skipped: neither file nor folder", tally->skipped);
    fputs("\n", file);
}

int fy_tally_sum(struct fy_tally *tally, bool json, FILE *file)
{
    double seconds = (double)(fy_mono_ms(fy_clock_system()) - tally->started_ms) / 1000;
    double rate = seconds > 0 ? (double)tally->objects / seconds : 0;
    if (tally->shown)
        fputs(WIPE_LINE, stderr);
    if (tally->failed > FY_REPORTS_MAX)
        fprintf(stderr, "ferry: %s: %" PRId64 " more failed\n", tally->verb,
                tally->failed - FY_REPORTS_MAX);
    if (tally->stopped != FY_OK)
        fprintf(stderr, "ferry: %s: the rest was left out%s\n", tally->verb,
                fy_client_is_temporary(tally->stopped) ? "; run it again, what is there stays"
                                                       : "");
    if (file != NULL && json)
        print_json(tally, seconds, rate, file);
    else if (file != NULL)
        print_text(tally, seconds, rate, file);
    int exit_status = FY_EXIT_DONE;
    if (fy_client_interrupted())
        exit_status = FY_EXIT_INTERRUPTED;
    else if (tally->stopped != FY_OK)
        exit_status = fy_client_exit(tally->stopped);
    else if (tally->failed > 0)
        exit_status = FY_EXIT_SOME_FAILED;
    return fy_output_end(exit_status);
}
