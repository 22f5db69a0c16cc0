/* put.c - `ferry put`: a file, stdin, or all files of a folder, many at once. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/jobs.h"
#include "cli/upload.h"
#include "cli/words.h"
#include "common/core/names.h"

#define SOURCE_BYTES_MAX 4096 /* PATH_MAX: what the kernel opens */

/* One file of a folder. */
struct put_job {
    size_t name_at;
    char text[]; /* its path, a zero byte, its object name, a zero byte */
};

struct put {
    const struct fy_command_line *line;
    struct fy_object_word target;
    struct fy_tally tally;
    struct fy_jobs *jobs; /* of a folder */
    /* Of the walk: path and name grow and shrink together. */
    struct fy_buf path, name;
};

/* ---- one object */

/* Any thread. */
static enum fy_code put_one(struct put *put, struct fy_client *client, const char *path,
                            const char *name, bool follow)
{
    struct fy_err err = {0};
    int64_t size = 0;
    bool unchanged = false;
    const struct fy_upload upload = {.line = put->line,
                                     .place = &put->target,
                                     .name = name,
                                     .path = path,
                                     .follow = follow,
                                     .tally = &put->tally};
    enum fy_code code =
        fy_exact_object_is_valid(name, strlen(name))
            ? fy_upload_run(client, &upload, &size, &unchanged, &err)
            : fy_err_set(&err, FY_EINPUT, "its name is not 1-1023 bytes of UTF-8, as objects have");
    if (code == FY_OK)
        fy_tally_object(&put->tally, size, unchanged);
    else if (code != FY_ECANCELLED)
        fy_tally_fail(&put->tally, path != NULL ? path : "stdin", &err);
    return code;
}

static void run_job(void *arg, struct fy_client *client, void *job_arg)
{
    struct put *put = arg;
    const struct put_job *job = job_arg;
    enum fy_code code = put_one(put, client, job->text, job->text + job->name_at, false);
    /* A site that stays away or full through all tries will do so for the next million files, and
     * one that refuses us for one refuses us for all. Run again, what is there costs little. */
    if (fy_client_is_temporary(code) || code == FY_EUNAUTH || code == FY_EFORBIDDEN ||
        code == FY_ENOTFOUND) {
        fy_tally_stop(&put->tally, code);
        fy_jobs_stop(put->jobs);
    }
}

/* ---- the walk over a folder */

static void give_file(struct put *put)
{
    size_t path_bytes = put->path.size_bytes + 1;
    size_t name_bytes = put->name.size_bytes + 1;
    struct put_job *job = fy_alloc(sizeof(*job) + path_bytes + name_bytes);
    job->name_at = path_bytes;
    memcpy(job->text, put->path.bytes, path_bytes);
    memcpy(job->text + path_bytes, put->name.bytes, name_bytes);
    (void)fy_jobs_give(put->jobs, job); /* refused: the walk looks for that itself */
}

static void cut(struct fy_buf *buf, size_t size_bytes)
{
    buf->size_bytes = size_bytes;
    buf->bytes[size_bytes] = '\0';
    buf->overflow = false;
}

static void fail_path(struct put *put, enum fy_code code, const char *why)
{
    struct fy_err err = {0};
    (void)fy_err_set(&err, code, "%s", why);
    fy_tally_fail(&put->tally, put->path.bytes, &err);
}

static void walk(struct put *put, int folder_fd);

/* What put->path names, in folder_fd as entry. */
static void walk_entry(struct put *put, int folder_fd, const char *entry)
{
    struct stat facts;
    if (fstatat(folder_fd, entry, &facts, AT_SYMLINK_NOFOLLOW) != 0) {
        fail_path(put, FY_EIO, strerror(errno));
        return;
    }
    if (S_ISREG(facts.st_mode)) {
        give_file(put);
    } else if (!S_ISDIR(facts.st_mode)) {
        fy_tally_skip(&put->tally); /* symbolic links too: what they lead to may be anywhere */
    } else {
        int fd = openat(folder_fd, entry, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
            fail_path(put, FY_EIO, strerror(errno));
        else
            walk(put, fd);
    }
}

/* Takes folder_fd. As deep as names are long: a name that overflows ends a branch. */
static void walk(struct put *put, int folder_fd)
{
    size_t path_bytes = put->path.size_bytes;
    size_t name_bytes = put->name.size_bytes;
    DIR *folder = fdopendir(folder_fd);
    struct dirent *entry;
    FY_ASSERT(folder != NULL); /* openat said that it is a folder */
    while (!fy_jobs_stopped(put->jobs) && (errno = 0, entry = readdir(folder)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        fy_buf_printf(&put->path, "/%s", entry->d_name);
        fy_buf_printf(&put->name, "%s%s", name_bytes > 0 ? "/" : "", entry->d_name);
        if (put->path.overflow || put->name.overflow)
            fail_path(put, FY_EINPUT, "a file or folder in it has a name over 1023 bytes");
        else
            walk_entry(put, folder_fd, entry->d_name);
        cut(&put->path, path_bytes);
        cut(&put->name, name_bytes);
    }
    if (errno != 0 && !fy_jobs_stopped(put->jobs))
        fail_path(put, FY_EIO, strerror(errno));
    (void)closedir(folder); /* only read */
}

/* The slashes at the end of a folder, or of the prefix for its objects. */
static void add_trimmed(struct fy_buf *buf, const char *text)
{
    size_t size_bytes = strlen(text);
    while (size_bytes > 1 && text[size_bytes - 1] == '/')
        size_bytes--;
    fy_buf_add(buf, text, size_bytes);
}

static enum fy_code put_folder(struct put *put, const char *folder, int64_t job_count,
                               struct fy_err *err)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return fy_err_set(err, FY_EIO, "put %s: %s", folder, strerror(errno));
    enum fy_code code = fy_jobs_open(put->line, job_count, run_job, put, &put->jobs, err);
    if (code != FY_OK) {
        (void)close(fd);
        return code;
    }
    fy_buf_init(&put->path, SOURCE_BYTES_MAX);
    fy_buf_init(&put->name, FY_OBJECT_BYTES_MAX);
    add_trimmed(&put->path, folder);
    add_trimmed(&put->name, put->target.name);
    walk(put, fd);
    fy_jobs_close(put->jobs);
    fy_buf_done(&put->path);
    fy_buf_done(&put->name);
    return FY_OK;
}

/* ---- the command */

/* NAME; without one, or with one that ends in a slash, the file's own name is its end. */
static void name_of_file(const struct put *put, const char *source, struct fy_buf *name)
{
    size_t given_bytes = strlen(put->target.name);
    const char *slash = strrchr(source, '/');
    fy_buf_text(name, put->target.name);
    if (given_bytes == 0 || put->target.name[given_bytes - 1] == '/')
        fy_buf_text(name, slash != NULL ? slash + 1 : source);
}

static int put_single(struct put *put, const char *source)
{
    FY_AUTO(fy_client_end) struct fy_client *client = NULL;
    FY_AUTO(fy_buf_done) struct fy_buf name = {0};
    struct fy_err err = {0};
    bool is_stdin = strcmp(source, "-") == 0;
    fy_buf_init(&name, SOURCE_BYTES_MAX);
    if (is_stdin && put->target.name[0] == '\0') {
        (void)fy_err_set(&err, FY_EINPUT, "put -: stdin has no name: BUCKET/NAME is needed");
        return fy_fail_usage(&err);
    }
    if (is_stdin)
        fy_buf_text(&name, put->target.name);
    else
        name_of_file(put, source, &name);
    if (name.overflow || name.bytes == NULL) {
        (void)fy_err_set(&err, FY_EINPUT, "put %.80s: this makes no object's name", source);
        return fy_fail_usage(&err);
    }
    if (fy_client_open(put->line, &client, &err) != FY_OK)
        return fy_fail_usage(&err);
    enum fy_code code = put_one(put, client, is_stdin ? NULL : source, name.bytes, true);
    put->tally.version = code == FY_OK ? fy_client_version(client) : 0;
    bool show = code == FY_OK || put->line->json;
    int exit_status = fy_tally_sum(&put->tally, put->line->json, show ? stdout : NULL);
    /* Alone, an object's own error says more than "some failed". */
    return code == FY_OK ? exit_status : fy_client_exit(code);
}

static bool is_folder(const char *source)
{
    struct stat facts;
    return strcmp(source, "-") != 0 && stat(source, &facts) == 0 && S_ISDIR(facts.st_mode);
}

int fy_command_put(const struct fy_command_line *line)
{
    struct put put = {.line = line};
    struct fy_err err = {0};
    int64_t job_count = FY_JOBS_THREADS_DEFAULT;
    const char *target = line->word_count > 1 ? line->words[1] : NULL;
    enum fy_code code = fy_place_word(line, target, &put.target, &err);
    if (code == FY_OK)
        code = fy_count_word("jobs", fy_option(line, "jobs"), 1, FY_JOBS_THREADS_MAX, &job_count,
                             &err);
    if (code != FY_OK)
        return fy_fail_usage(&err);
    fy_tally_init(&put.tally, "put");
    int exit_status;
    if (is_folder(line->words[0])) {
        code = put_folder(&put, line->words[0], job_count, &err);
        exit_status = code == FY_OK ? fy_tally_sum(&put.tally, line->json, stdout) : fy_fail(&err);
    } else {
        exit_status = put_single(&put, line->words[0]);
    }
    fy_tally_done(&put.tally);
    return exit_status;
}
