/* get.c - `ferry get`: an object, all of a prefix, or a body that lost a conflict, each proven
 * before it gets its name. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/jobs.h"
#include "cli/output.h"
#include "cli/target.h"
#include "cli/words.h"
#include "common/ports/sha256.h"

struct get {
    const struct fy_command_line *line;
    struct fy_object_word source;
    int64_t version;     /* of the object; 0 the newest */
    int64_t conflict_id; /* the body that lost; 0: the object itself */
    json_t *conflict;    /* its row: source.name points into it */
    struct fy_tally tally;
    /* of --prefix */
    struct fy_jobs *jobs;
    int root_fd;
};

/* One object of a prefix. */
struct get_job {
    size_t name_bytes;
    char name[]; /* and a zero byte */
};

/* The body on its way. */
struct sink {
    struct fy_tally *tally;
    int fd;
    int64_t size;
    struct fy_sha256 *hash;
};

/* ---- one try */

static enum fy_code on_write(void *arg, const void *bytes, size_t size_bytes, struct fy_err *err)
{
    struct sink *sink = arg;
    const char *at = bytes;
    size_t left = size_bytes;
    while (left > 0) {
        ssize_t written = write(sink->fd, at, left);
        if (written < 0 && errno == EINTR && !fy_client_interrupted())
            continue;
        if (written < 0)
            return fy_err_set(err, FY_EIO, "it cannot be written: %s", strerror(errno));
        at += written;
        left -= (size_t)written;
    }
    fy_sha256_update(sink->hash, bytes, size_bytes);
    sink->size += (int64_t)size_bytes;
    fy_tally_move(sink->tally, (int64_t)size_bytes);
    return FY_OK;
}

/* Against what the site says of the object; its own transport is not what proves a body. */
static enum fy_code prove(struct fy_client *client, struct sink *sink, struct fy_err *err)
{
    struct fy_digest got;
    struct fy_digest promised;
    const char *hash = fy_client_header(client, "x-clonecloudstore-hash");
    const char *size = fy_client_header(client, "x-clonecloudstore-size");
    fy_sha256_final(sink->hash, &got);
    if (size != NULL && strtoll(size, NULL, 10) != sink->size)
        return fy_err_set(err, FY_ENET, "%" PRId64 " bytes came instead of %.20s", sink->size,
                          size);
    if (hash == NULL || !fy_digest_parse(hash, &promised))
        return fy_err_set(err, FY_ECORRUPT, "the site has no SHA-256 of it: it cannot be proven");
    if (!fy_digest_equal(&got, &promised))
        return fy_err_set(err, FY_ECORRUPT, "the bytes that came are not those of its hash");
    return FY_OK;
}

static void content_path(const struct get *get, const char *name, struct fy_buf *path)
{
    char id[FY_CELL_BYTES];
    if (get->conflict_id == 0) {
        fy_path(path, FY_PATH_CONTENT);
        fy_place_query(path, get->line, &get->source, name);
        if (get->version != 0)
            fy_path_query_i64(path, "version", get->version);
        return;
    }
    fy_cell_count(get->conflict_id, id);
    fy_path(path, FY_PATH_CONFLICTS);
    fy_path_segment(path, id);
    fy_path_segment(path, "content");
}

static enum fy_code fetch(struct get *get, struct fy_client *client, const char *name,
                          struct sink *sink, struct fy_err *err)
{
    FY_AUTO(fy_buf_done) struct fy_buf path = {0};
    content_path(get, name, &path);
    const struct fy_call call = {.method = "GET",
                                 .path = &path,
                                 /* a range goes out by sendfile, and with its length */
                                 .headers = {"Range: bytes=0-"},
                                 .write = on_write,
                                 .arg = sink,
                                 .is_long = true};
    sink->size = 0;
    fy_sha256_reset(sink->hash);
    enum fy_code code = fy_client_call(client, &call, err);
    return code == FY_OK ? prove(client, sink, err) : code;
}

/* ---- one object */

/* Into target, which ends here. */
static enum fy_code fetch_file(struct get *get, struct fy_client *client, const char *name,
                               struct fy_target *target, int64_t *size, struct fy_err *err)
{
    struct sink sink = {.tally = &get->tally, .fd = target->fd, .hash = fy_sha256_new()};
    enum fy_code code = fetch(get, client, name, &sink, err);
    for (unsigned attempt = 1; fy_client_is_temporary(code) && attempt < FY_CLIENT_TRIES_MAX;
         attempt++) {
        fy_client_pause(attempt);
        code = fy_target_restart(target, err);
        if (code == FY_OK)
            code = fetch(get, client, name, &sink, err);
    }
    if (code == FY_OK)
        code = fy_target_commit(target, err);
    else
        fy_target_abort(target);
    *size = sink.size;
    fy_sha256_free(sink.hash);
    return code;
}

static void count(struct get *get, const char *name, enum fy_code code, int64_t size,
                  const struct fy_err *err)
{
    if (code == FY_OK)
        fy_tally_object(&get->tally, size, false);
    else if (code != FY_ECANCELLED)
        fy_tally_fail(&get->tally, name, err);
}

/* ---- a prefix */

static void run_job(void *arg, struct fy_client *client, void *job_arg)
{
    struct get *get = arg;
    const struct get_job *job = job_arg;
    struct fy_target target;
    struct fy_err err = {0};
    int64_t size = 0;
    enum fy_code code =
        fy_target_open_below(get->root_fd, job->name, job->name_bytes, &target, &err);
    if (code == FY_OK)
        code = fetch_file(get, client, job->name, &target, &size, &err);
    count(get, job->name, code, size, &err);
    if (fy_client_is_temporary(code)) { /* away or busy through all tries: so for the rest */
        fy_tally_stop(&get->tally, code);
        fy_jobs_stop(get->jobs);
    }
}

static bool give_object(void *arg, const json_t *row)
{
    struct get *get = arg;
    if (row == NULL)
        return !fy_jobs_stopped(get->jobs);
    const json_t *name = json_object_get(row, "name");
    if (!json_is_string(name))
        return true;
    size_t name_bytes = json_string_length(name);
    struct get_job *job = fy_alloc(sizeof(*job) + name_bytes + 1);
    job->name_bytes = name_bytes;
    memcpy(job->name, json_string_value(name), name_bytes);
    return fy_jobs_give(get->jobs, job);
}

static enum fy_code list_and_fetch(struct get *get, int64_t job_count, struct fy_err *err)
{
    FY_AUTO(fy_client_end) struct fy_client *client = NULL;
    struct fy_buf path;
    enum fy_code code = fy_client_open(get->line, &client, err);
    if (code == FY_OK)
        code = fy_jobs_open(get->line, job_count, run_job, get, &get->jobs, err);
    if (code != FY_OK)
        return code;
    fy_path(&path, FY_PATH_OBJECTS);
    fy_place_query(&path, get->line, &get->source, NULL);
    if (get->source.name[0] != '\0')
        fy_path_query(&path, "prefix", get->source.name);
    code = fy_client_pages(client, &path, "objects", give_object, get, err);
    fy_jobs_close(get->jobs);
    return code;
}

static int get_prefix(struct get *get, const char *folder, int64_t job_count)
{
    struct fy_err err = {0};
    if (mkdir(folder, 0777) != 0 && errno != EEXIST) {
        (void)fy_err_set(&err, FY_EIO, "make folder %s: %s", folder, strerror(errno));
        return fy_fail(&err);
    }
    get->root_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (get->root_fd < 0) {
        (void)fy_err_set(&err, FY_EIO, "folder %s: %s", folder, strerror(errno));
        return fy_fail(&err);
    }
    enum fy_code code = list_and_fetch(get, job_count, &err);
    (void)close(get->root_fd); /* only a way in */
    int exit_status = fy_tally_sum(&get->tally, get->line->json, code == FY_OK ? stdout : NULL);
    if (code != FY_OK)
        return fy_fail(&err);
    if (exit_status == FY_EXIT_DONE && get->tally.objects == 0)
        return FY_EXIT_NOTHING;
    return exit_status;
}

/* ---- one object */

/* Where the object goes: TARGET, or its own last part in the folder TARGET or here. */
static enum fy_code open_single(const struct get *get, const char *target_word,
                                struct fy_target *target, struct fy_err *err)
{
    struct stat facts;
    const char *slash = strrchr(get->source.name, '/');
    const char *leaf = slash != NULL ? slash + 1 : get->source.name;
    bool is_folder = target_word == NULL ||
                     (stat(target_word, &facts) == 0 && S_ISDIR(facts.st_mode)) ||
                     (target_word[0] != '\0' && target_word[strlen(target_word) - 1] == '/');
    if (!is_folder)
        return fy_target_open_path(target_word, target, err);
    const char *folder = target_word != NULL ? target_word : ".";
    int folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder_fd < 0)
        return fy_err_set(err, FY_EIO, "folder %.120s: %s", folder, strerror(errno));
    enum fy_code code = fy_target_open_below(folder_fd, leaf, strlen(leaf), target, err);
    (void)close(folder_fd); /* only a way in */
    return code;
}

static enum fy_code get_to_file(struct get *get, struct fy_client *client, const char *target_word,
                                struct fy_err *err)
{
    struct fy_target target;
    int64_t size = 0;
    enum fy_code code = open_single(get, target_word, &target, err);
    if (code == FY_OK)
        code = fetch_file(get, client, get->source.name, &target, &size, err);
    count(get, get->source.name, code, size, err);
    return code;
}

static enum fy_code get_to_stdout(struct get *get, struct fy_client *client, struct fy_err *err)
{
    struct sink sink = {.tally = &get->tally, .fd = STDOUT_FILENO, .hash = fy_sha256_new()};
    enum fy_code code = fetch(get, client, get->source.name, &sink, err);
    fy_sha256_free(sink.hash);
    count(get, get->source.name, code, sink.size, err);
    return code;
}

static int get_single(struct get *get, const char *target_word)
{
    FY_AUTO(fy_client_end) struct fy_client *client = NULL;
    struct fy_err err = {0};
    if (fy_client_open(get->line, &client, &err) != FY_OK)
        return fy_fail_usage(&err);
    bool to_stdout = target_word != NULL && strcmp(target_word, "-") == 0;
    enum fy_code code =
        to_stdout ? get_to_stdout(get, client, &err) : get_to_file(get, client, target_word, &err);
    get->tally.version = code == FY_OK ? fy_client_version(client) : 0;
    bool show = !to_stdout && (code == FY_OK || get->line->json);
    int exit_status = fy_tally_sum(&get->tally, get->line->json, show ? stdout : NULL);
    /* Alone, an object's own error says more than "some failed". */
    return code == FY_OK ? exit_status : fy_client_exit(code);
}

/* ---- a body that lost a conflict */

/* What it was called. */
static enum fy_code find_conflict(struct get *get, struct fy_err *err)
{
    FY_AUTO(fy_client_end) struct fy_client *client = NULL;
    struct fy_buf path;
    char id[FY_CELL_BYTES];
    if (fy_client_open(get->line, &client, err) != FY_OK)
        return err->code;
    fy_cell_count(get->conflict_id, id);
    fy_path(&path, FY_PATH_CONFLICTS);
    fy_path_query(&path, "id", id);
    enum fy_code code = fy_client_get_json(client, &path, &get->conflict, err);
    if (code != FY_OK)
        return code;
    const json_t *row = json_array_get(json_object_get(get->conflict, "conflicts"), 0);
    const json_t *loser = json_object_get(row, "loser");
    if (loser == NULL)
        return fy_err_set(err, FY_ENOTFOUND, "no losing body is kept under id c%s", id);
    get->source.name = fy_json_text(loser, "name");
    if (!fy_text_copy(get->source.bucket, sizeof(get->source.bucket),
                      fy_json_text(loser, "bucket")))
        return fy_err_set(err, FY_EPEER, "the name of its bucket is too long");
    return FY_OK;
}

static int get_conflict(struct get *get, const char *target)
{
    struct fy_err err = {0};
    int exit_status = find_conflict(get, &err) == FY_OK ? get_single(get, target) : fy_fail(&err);
    json_decref(get->conflict);
    return exit_status;
}

/* ---- the command */

/* What is to be fetched, by the first word. */
static enum fy_code read_source(const struct fy_command_line *line, bool prefix, struct get *get,
                                struct fy_err *err)
{
    const char *word = line->words[0];
    if (prefix && fy_option(line, "version") != NULL)
        return fy_err_set(err, FY_EINPUT, "get: --prefix and --version do not go together");
    if (fy_option(line, "conflict") == NULL)
        return prefix ? fy_place_word(line, word, &get->source, err)
                      : fy_place_word_whole(line, word, &get->source, err);
    if (line->option_count > 1)
        return fy_err_set(err, FY_EINPUT, "get: --conflict stands alone: its ID says all");
    if (!fy_conflict_word(word, &get->conflict_id))
        return fy_err_set(err, FY_EINPUT,
                          "'%.40s' is no ID of a losing body, like c12: ferry failed ls --reason "
                          "CONFLICT",
                          word);
    return FY_OK;
}

int fy_command_get(const struct fy_command_line *line)
{
    struct get get = {.line = line, .root_fd = -1};
    struct fy_err err = {0};
    int64_t job_count = FY_JOBS_THREADS_DEFAULT;
    const char *target = line->word_count > 1 ? line->words[1] : NULL;
    bool prefix = fy_option(line, "prefix") != NULL;
    enum fy_code code = read_source(line, prefix, &get, &err);
    if (code == FY_OK)
        code = fy_count_word("jobs", fy_option(line, "jobs"), 1, FY_JOBS_THREADS_MAX, &job_count,
                             &err);
    if (code == FY_OK)
        code = fy_version_option(line, &get.version, &err);
    if (code == FY_OK && prefix && target != NULL && strcmp(target, "-") == 0)
        code = fy_err_set(&err, FY_EINPUT, "get --prefix needs a folder, not stdout");
    if (code != FY_OK)
        return fy_fail_usage(&err);
    fy_tally_init(&get.tally, "get");
    int exit_status = prefix ? get_prefix(&get, target != NULL ? target : ".", job_count)
                      : get.conflict_id != 0 ? get_conflict(&get, target)
                                             : get_single(&get, target);
    fy_tally_done(&get.tally);
    return exit_status;
}
